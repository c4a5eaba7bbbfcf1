http://b.example.com {
	import proxied b "app-b:8000"
	handle /admin* {
		import private {
			reverse_proxy admin-b:8000
		}
	}
}

http://c.example.com:9000 {
	invoke shared
}

&(shared) {
	reverse_proxy shared:80
}
