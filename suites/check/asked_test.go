package check

import (
	"slices"
	"testing"

	"github.com/gatefault/gatefault/suites/config"
)

// A command line may say how a request gets to one upstream; the ways to the others are the configuration's.
func TestRoutesOfTheCommandLineComeBesidesTheOthers(t *testing.T) {
	cfg := shop()
	cfg.Groups = append(cfg.Groups, group("api:9000", impatient, server("api", 9000, 20)))
	cfg.Routes = append(cfg.Routes, config.Route{Path: "/api/", Group: 1, At: at(19)})
	p := New()
	asked := Route{Name: "api:9000", Request: RequestLine{"GET", "/api/health"}, Headers: map[string]string{"X-Key": "k"}, Upstreams: []Upstream{{server("api", 9000, 0)}}}
	if err := p.Merge(Flags{Asked: []Route{asked}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range resolve(t, p, cfg).Routes {
		got = append(got, r.Name+" "+r.Request.Path+" "+r.Request.Headers["X-Key"])
	}
	if want := []string{"api:9000 /api/health k", "app:8080 / "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	p.Routes = []Route{{Name: "mine", Request: RequestLine{"GET", "/"}}}
	if got := len(resolve(t, p, cfg).Routes); got != 2 {
		t.Errorf("%d routes of the file and the command line", got)
	}
}

func TestRequestsOfTheCommandLineHaveItsHeaders(t *testing.T) {
	p := New()
	if err := p.Merge(Flags{Requests: []string{"GET /"}, Headers: map[string]string{"host": "shop.example", "X-Key": "k"}}); err != nil {
		t.Fatal(err)
	}
	r := resolve(t, p, shop()).Routes[0]
	if r.Entry.Host != "shop.example" || len(r.Request.Headers) != 1 || r.Request.Headers["X-Key"] != "k" {
		t.Errorf("got host %q, headers %q", r.Entry.Host, r.Request.Headers)
	}
}
