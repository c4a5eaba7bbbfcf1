package lab

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/gatefault/gatefault/suites/look"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

//go:embed static templates
var files embed.FS

func parsePages() (*template.Template, error) { return template.ParseFS(files, "templates/*.tmpl") }

// asset sends a style sheet or script.
func (s *Server) asset(w http.ResponseWriter, r *http.Request) {
	name := mux.Vars(r)["asset"]
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
	own := map[string]string{"look.css": look.CSS, "look.js": look.JS}
	text, ok := own[name]
	if !ok {
		data, err := fs.ReadFile(files, "static/"+name)
		text, ok = string(data), err == nil
	}
	if !ok {
		problem(http.StatusNotFound, "there is no %.40q", name).Write(w)
		return
	}
	w.Header().Set("Content-Type", kinds[path.Ext(name)])
	_, _ = w.Write([]byte(text)) // the client may be gone
}

// render sends a template; one that fails sends nothing of itself.
func (s *Server) render(w http.ResponseWriter, name string, data any) {
	var out bytes.Buffer
	if err := s.pages.ExecuteTemplate(&out, name, data); err != nil {
		problem(http.StatusInternalServerError, "%s", err).Write(w)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(out.Bytes()) // the client may be gone
}

// frame is what every page has.
type frame struct {
	Title   string
	Pages   []Page
	Scripts []string // assets of this page
	Body    template.HTML
}

// Frame writes a page with the lab's head around body. scripts are addresses on this server; body must not hold any
// script or style of its own, which the policy forbids.
func (s *Server) Frame(w http.ResponseWriter, title string, body template.HTML, scripts ...string) {
	s.render(w, "frame", frame{title, s.opts.Pages, scripts, body})
}

// group is options that belong together.
type group[T any] struct {
	Name    string
	Options []T
}

// grouped gathers options by a name, in the order in which the names come first.
func grouped[T any](all []T, by func(T) string) (out []*group[T]) {
	for _, one := range all {
		i := slices.IndexFunc(out, func(g *group[T]) bool { return g.Name == by(one) })
		if i < 0 {
			i, out = len(out), append(out, &group[T]{Name: by(one)})
		}
		out[i].Options = append(out[i].Options, one)
	}
	return out
}

// index sends the lab's own page; which lesson it shows is its script's business.
func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	c := s.offers()
	byCause := slices.SortedStableFunc(slices.Values(c.Scenarios), func(a, b ScenarioInfo) int { return cmp.Compare(a.Cause, b.Cause) })
	view := struct {
		Catalogue
		Layers   []*group[FaultInfo]
		Causes   []*group[ScenarioInfo]
		Profiles []string
	}{c, grouped(c.Faults, func(f FaultInfo) string { return f.Layer }), grouped(byCause, func(s ScenarioInfo) string { return s.Cause }), profilesOf(c)}
	var body bytes.Buffer
	if err := s.pages.ExecuteTemplate(&body, "index", view); err != nil {
		problem(http.StatusInternalServerError, "%s", err).Write(w)
		return
	}
	s.Frame(w, "gatefault lab", template.HTML(body.String()), "/assets/lab.js") //nolint:gosec // made by a template
}

// profilesOf lists the profiles that any gateway has, the plain one first.
func profilesOf(c Catalogue) []string {
	all := map[string]bool{}
	for _, g := range c.Gateways {
		for _, p := range g.Profiles {
			all[p] = true
		}
	}
	delete(all, run.PlainProfile)
	return append([]string{run.PlainProfile}, slices.Sorted(maps.Keys(all))...)
}

// cellView is what there is to see of a cell.
type cellView struct {
	Outcome string // in a sentence
	Mark    template.HTML
	Short   string
	Took    string
	Step    string
	Why     string // there is no outcome
	Reason  string
	Judged  bool
	Picture template.HTML
	Notes   []string
	Answers []string
	Story   template.HTML
}

func (c *cell) view(x *Experiment) cellView {
	v := cellView{}
	if p := c.drawing(); p != nil {
		p.Title = x.Title + " on " + c.gateway.Title
		v.Picture, v.Notes = template.HTML(p.SVG(fmt.Sprintf("x%d-%s", x.ID, c.gateway.Name))), p.Notes //nolint:gosec // the drawing escapes its texts
	}
	st := c.state(x.streams())
	v.Step, v.Why = stepWords(st.Step), st.Why
	for _, answer := range slices.Sorted(maps.Keys(st.Answers)) {
		v.Answers = append(v.Answers, fmt.Sprintf("%d × %s", st.Answers[answer], answer))
	}
	c.mu.Lock()
	r := c.result
	c.mu.Unlock()
	if !st.Done {
		return v
	}
	v.Step = ""
	if r == nil {
		if v.Why == "" {
			v.Outcome = "It is in force. Nothing was sent."
		}
		return v
	}
	shown := *r
	v.Judged = len(r.Standard) > 0
	if !v.Judged {
		shown.Scenario = nil // a bare fault has no story of its own
	}
	if st.Outcome != "" {
		v.Outcome, v.Mark, v.Short, v.Took = plainly(r), look.Mark(string(r.Verdict), report.Mark(r.Verdict)), report.Cell(r), tookWords(r.Total)
	}
	if r.Traffic != nil {
		v.Outcome = strings.ToUpper(r.Traffic.String()[:1]) + r.Traffic.String()[1:] + "."
	}
	if v.Judged || r.Verdict != run.Observed {
		v.Reason = report.Printable(r.Reason)
	}
	story, err := report.Story(&shown, fmt.Sprintf("s%d-%s", x.ID, c.gateway.Name))
	if err != nil {
		v.Why = err.Error()
	}
	v.Story = story
	return v
}
