http://a.example.com {
	import proxied a app-a:8000
}
