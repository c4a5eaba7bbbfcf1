package fault

var app = []*Fault{
	{Name: "app.500", Doc: "answers 500 itself, well formed", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 500 \"the application failed\\n\""},
	{Name: "app.502", Doc: "answers 502 itself, well formed", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 502 \"the application's own upstream failed\\n\""},
	{Name: "app.503", Doc: "answers 503 itself, well formed", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 503 \"the application is overloaded\\n\""},
	{Name: "app.504", Doc: "answers 504 itself, well formed", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 504 \"the application's own upstream was too slow\\n\""},
}
