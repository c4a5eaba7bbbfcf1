package upstream_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gatefault/gatefault/upstream"
)

// A client under test meets an upstream that fails once and then recovers.
func Example() {
	up, err := upstream.New(upstream.Options{})
	if err != nil {
		panic(err)
	}
	defer up.Close()
	ep, err := up.Listen(upstream.EndpointConfig{ID: "app", Address: "127.0.0.1:0"})
	if err != nil {
		panic(err)
	}
	failOnce := upstream.Plan{Rules: []upstream.Rule{{Fault: "app.503", Times: 1}}}
	if err := ep.SetPlan(context.Background(), failOnce, upstream.Keep); err != nil {
		panic(err)
	}
	for range 2 {
		resp, err := http.Get("http://" + ep.Addr().String())
		if err != nil {
			panic(err)
		}
		resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// 503
	// 200
}
