package run

import (
	"fmt"
	"testing"

	"github.com/gatefault/gatefault/scenarios"
)

func TestMarkedRequests(t *testing.T) {
	mark := "/gf-0a0a0a0a-7/fault"
	route := &scenarios.Request{Method: "PUT", Path: "/api?v=2", Headers: map[string]string{"x-key": "a", "Accept": "b"}, Body: "c"}
	for _, c := range []struct {
		entry entry
		from  scenarios.Request
		want  string
	}{
		{entry{}, scenarios.Request{}, " /gf-0a0a0a0a-7/fault  []"},
		{entry{}, scenarios.Request{Method: "GET", Path: "/?max-age=60"}, "GET /gf-0a0a0a0a-7/fault/?max-age=60  []"},
		{entry{route: &scenarios.Request{}}, scenarios.Request{Path: "/"}, " /?gatefault-cell=/gf-0a0a0a0a-7/fault  []"},
		{entry{route: route, host: "h"}, scenarios.Request{Method: "GET", Path: "/"},
			"PUT /api?v=2&gatefault-cell=/gf-0a0a0a0a-7/fault h [[Accept b] [X-Key a]]c"},
		{entry{route: route}, scenarios.Request{Method: "POST", Path: "/?max-age=60", Headers: map[string]string{"X-key": "d"}},
			"POST /api?v=2&max-age=60&gatefault-cell=/gf-0a0a0a0a-7/fault  [[Accept b] [X-Key d]]"},
		{entry{route: &scenarios.Request{Headers: map[string]string{"Connection": "Upgrade"}}}, scenarios.Request{Headers: map[string]string{"connection": "close"}},
			" /?gatefault-cell=/gf-0a0a0a0a-7/fault  [[Connection Upgrade, close]]"},
	} {
		r := c.entry.request(mark, c.from)
		if got := fmt.Sprintf("%s %s %s %v%s", r.Method, r.Target, r.Host, r.Header, r.Body); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
