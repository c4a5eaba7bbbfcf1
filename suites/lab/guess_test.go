package lab_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/suites/lab"
)

func TestGuessesAreCounted(t *testing.T) {
	s := open(t, nil)
	x := s.experiment(garbage)
	path := fmt.Sprintf("/api/v1/experiments/%d/guesses", x.ID)
	vote := func(viewer int, guesses string) (int, string) {
		return s.do(http.MethodPost, path, fmt.Sprintf(`{"viewer": "%032x", "guesses": %s}`, viewer, guesses))
	}
	for _, g := range []struct {
		viewer  int
		guesses string
	}{{1, `{"go": "502"}`}, {2, `{"go": "504"}`}, {3, `{"go": "502"}`}, {2, `{"go": "other"}`}, {3, `{}`}} {
		if status, text := vote(g.viewer, g.guesses); status != http.StatusOK {
			t.Fatalf("%+v: %d %s", g, status, text)
		}
	}
	st := s.await(func(st lab.State) bool {
		x := st.Experiments[0]
		return x.Guessed == 2 && x.Cells[0].Guesses["502"] == 1 && x.Cells[0].Guesses["other"] == 1
	})
	if got := st.Experiments[0].Cells[0].Guesses; len(got) != 2 {
		t.Errorf("%v", got)
	}
	if _, text := s.do(http.MethodGet, "/api/v1/state", ""); strings.Contains(text, fmt.Sprintf("%032x", 1)) {
		t.Error("a viewer's name is told")
	}
	for n := 10; n < 10+126; n++ {
		if status, text := vote(n, `{"go": "503"}`); status != http.StatusOK {
			t.Fatalf("viewer %d: %d %s", n, status, text)
		}
	}
	if status, text := vote(999, `{"go": "503"}`); status != http.StatusConflict || !strings.Contains(text, "128 viewers") {
		t.Errorf("one too many: %d %s", status, text)
	}
	if status, text := vote(10, `{"go": "502"}`); status != http.StatusOK {
		t.Errorf("another guess of one who has guessed: %d %s", status, text)
	}
}

func TestGuessesThatAreRefused(t *testing.T) {
	s := open(t, nil)
	x := s.experiment(garbage)
	const viewer = `"viewer": "0123456789abcdef0123456789abcdef"`
	for name, c := range map[string]struct {
		id     int
		body   string
		fields []string
		status int
		says   string
	}{
		"no name":                 {x.ID, `{"guesses": {"go": "502"}}`, nil, http.StatusUnprocessableEntity, "32"},
		"long name":               {x.ID, `{"viewer": "` + strings.Repeat("a", 1000) + `"}`, nil, http.StatusUnprocessableEntity, "32"},
		"another gateway":         {x.ID, `{` + viewer + `, "guesses": {"<b>": "502"}}`, nil, http.StatusUnprocessableEntity, "no gateway"},
		"no answer":               {x.ID, `{` + viewer + `, "guesses": {"go": "<b>"}}`, nil, http.StatusUnprocessableEntity, "504"},
		"no experiment":           {99, `{` + viewer + `, "guesses": {"go": "502"}}`, nil, http.StatusNotFound, "99"},
		"page of another site":    {x.ID, `{` + viewer + `}`, []string{"Origin", "http://evil.example"}, http.StatusForbidden, "another site"},
		"name of another host":    {x.ID, `{` + viewer + `}`, []string{"Host", "evil.example"}, http.StatusMisdirectedRequest, "evil.example"},
		"without the lab's field": {x.ID, `{` + viewer + `}`, []string{"Gatefault-Lab", ""}, http.StatusForbidden, "Gatefault-Lab"},
	} {
		status, text := s.do(http.MethodPost, fmt.Sprintf("/api/v1/experiments/%d/guesses", c.id), c.body, c.fields...)
		if status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s: got %d %s, want %d with %q", name, status, text, c.status, c.says)
		}
	}
	if st := s.await(func(lab.State) bool { return true }); st.Experiments[0].Guessed != 0 {
		t.Errorf("refused guesses count: %+v", st.Experiments[0])
	}
}
