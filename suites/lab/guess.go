package lab

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"github.com/gatefault/gatefault/upstream/control"
)

// maxGuessing bounds the viewers whose guesses about one experiment are kept. It is more than can look at once, since some leave
// and others come.
const maxGuessing = 2 * maxViewers

// Guesses are what a class can guess of an answer.
func Guesses() []string { return []string{"502", "503", "504", "other"} }

// guess is what a viewer expects of an experiment.
type guess struct {
	// Viewer is a random name that the page gives itself: 32 hexadecimal digits. Nobody is told it.
	Viewer string `json:"viewer"`
	// Guesses, by gateway, replace those that the viewer has sent before; none take them back.
	Guesses map[string]string `json:"guesses"`
}

var viewerName = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (s *Server) guess(w http.ResponseWriter, r *http.Request) (any, error) {
	var g guess
	if err := control.Decode(w, r, &g); err != nil {
		return nil, err
	}
	id, _ := strconv.Atoi(mux.Vars(r)["id"]) // digits, says the route
	return struct{}{}, s.Session().guess(id, g)
}

// guess keeps a viewer's guesses about an experiment.
func (s *Session) guess(id int, g guess) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.past, func(x *Experiment) bool { return x.ID == id })
	if i < 0 {
		return problem(http.StatusNotFound, "there is no experiment %d any more, or not yet", id)
	}
	x := s.past[i]
	if err := x.check(g); err != nil {
		return errMistake{err}
	}
	if _, known := x.guesses[g.Viewer]; !known && len(x.guesses) >= maxGuessing {
		return problem(http.StatusConflict, "%d viewers have guessed already, the limit", maxGuessing)
	}
	if x.guesses[g.Viewer] = g.Guesses; len(g.Guesses) == 0 {
		delete(x.guesses, g.Viewer)
	}
	s.change()
	return nil
}

func (x *Experiment) check(g guess) error {
	if !viewerName.MatchString(g.Viewer) {
		return errors.New("viewer must be 32 hexadecimal digits, in small letters")
	}
	for gateway, answer := range g.Guesses {
		switch {
		case !slices.ContainsFunc(x.cells, func(c *cell) bool { return c.on(gateway) }):
			return fmt.Errorf("%.40q is no gateway of experiment %d", gateway, x.ID)
		case !slices.Contains(Guesses(), answer):
			return fmt.Errorf("%.40q cannot be guessed; there are %s", answer, strings.Join(Guesses(), ", "))
		}
	}
	return nil
}

// tally counts the guesses about a gateway; the caller holds the session's mu.
func (x *Experiment) tally(gateway string) map[string]int {
	out := map[string]int{}
	for _, g := range x.guesses {
		if answer := g[gateway]; answer != "" {
			out[answer]++
		}
	}
	return out
}
