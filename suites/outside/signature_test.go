package outside

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gatefault/gatefault/scenarios"
)

func headOf(e example) http.Header {
	h := http.Header{}
	for name, value := range e.Head {
		h.Set(name, value)
	}
	return h
}

var builtin = sync.OnceValues(scenarios.Builtin)

func catalogue(t *testing.T) *scenarios.Catalogue {
	t.Helper()
	c, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every page is recognised as its own product's, and as nobody else's.
func TestSignaturesAreOfOneProduct(t *testing.T) {
	all, err := Signatures()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		got, err := Recognise(s.Example.Status, headOf(s.Example), []byte(s.Example.Body))
		if err != nil || got == nil || got.ID != s.ID {
			t.Errorf("the example of %s is recognised as %+v (%v)", s.ID, got, err)
		}
		for _, other := range all {
			if other.Product != s.Product && other.fits(s.Example.Status, headOf(s.Example), []byte(s.Example.Body)) {
				t.Errorf("%s also fits the example of %s", other.ID, s.ID)
			}
		}
	}
}

func TestWhatRemainsIsInTheCatalogue(t *testing.T) {
	all, err := Signatures()
	if err != nil {
		t.Fatal(err)
	}
	c := catalogue(t)
	for _, s := range all {
		if len(s.remain(c, s.Example.Status)) == 0 {
			t.Errorf("%s leaves nothing possible", s.ID)
		}
		every(t, c, s.ID, s.Scenarios)
	}
	known, err := findings()
	if err != nil {
		t.Fatal(err)
	}
	for id, k := range known {
		if k.Says == "" || k.Cite == "" || len(k.Next) == 0 {
			t.Errorf("%s: says, cite and next are needed", id)
		}
		every(t, c, id, k.Scenarios)
	}
}

// every asserts that each pattern fits a scenario.
func every(t *testing.T, c *scenarios.Catalogue, id string, patterns []string) {
	t.Helper()
	for _, p := range patterns {
		found := false
		for _, sc := range c.All() {
			found = found || sc.Fits([]string{p})
		}
		if !found {
			t.Errorf("%s: no scenario fits %s", id, p)
		}
	}
}

func TestAnApplicationsPageIsNobodys(t *testing.T) {
	for _, body := range []string{"<h1>502</h1> our own page, nginx is great", "", "no healthy upstreams are known to me", "Bad Gateway to Hell"} {
		h := http.Header{"Server": {"gunicorn"}}
		if s, err := Recognise(502, h, []byte(body)); s != nil || err != nil {
			t.Errorf("%q is taken for one of %s (%v)", body, s.Product, err)
		}
	}
}

func TestMistakesInSignaturesAreTold(t *testing.T) {
	for text, want := range map[string]string{
		"signatures:\n  - {id: x, product: y}\n": "a signature has",
		"signatures:\n  - {id: x, prodcut: y}\n": "prodcut",
		"signatures:\n  - {id: x, body: '(a'}\n": "missing closing",
	} {
		if _, err := decodeSignatures([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzProxyStatus(f *testing.F) {
	f.Add(`SomeCDN; error=dns_error; details="a, b; \"c\""`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range proxyErrors([]string{text}) {
			if p.By == "" {
				t.Error("an intermediary without a name")
			}
		}
	})
}

func TestProxyStatus(t *testing.T) {
	got := proxyErrors([]string{`"edge, one"; error=connection_timeout; details="a; \"b\"", inner`, `last;error=dns_error`})
	want := []ProxyError{{"edge, one", "connection_timeout", `a; "b"`}, {"inner", "", ""}, {"last", "dns_error", ""}}
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
}
