package lab_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/gatefault/gatefault/suites/lab"
	"github.com/gatefault/gatefault/suites/look/browse"
	"github.com/gatefault/gatefault/suites/run"
)

// shown is a lab with the embedded gateway alone, in a browser.
func shown(t *testing.T) (*site, *browse.Page) {
	t.Helper()
	s := openOn(t, nil, run.Options{Gateways: gateways(t, "go"), Local: true}, nil)
	page := browse.Open(t)
	page.Size(1280, 900, "light")
	page.Goto(s.url + "/")
	page.Await(ready)
	return s, page
}

const (
	ready   = `typeof page === "object" && page.catalogue && lab.state`
	done    = `document.querySelector("#cell-go[data-done] .lab-outcome, #cell-go[data-done] .lab-why")?.checkVisibility()`
	outcome = `document.querySelector("#cell-go .lab-outcome").textContent`
	force   = `document.getElementById("force").textContent`
)

func TestLabInABrowser(t *testing.T) {
	s, page := shown(t)
	t.Run("a newcomer breaks an upstream", func(t *testing.T) { newcomer(t, page.For(t)) })
	t.Run("two viewers see the same", func(t *testing.T) { twoViewers(t, s, page.For(t)) })
	t.Run("the address holds the experiment", func(t *testing.T) { shared(t, s, page.For(t)) })
	t.Run("a picture grows", func(t *testing.T) { grows(t, s, page.For(t)) })
	t.Run("a class guesses", func(t *testing.T) { guessed(t, s, page.For(t)) })
	t.Run("all can be read and has a name", func(t *testing.T) { readable(t, s, page.For(t)) })
	for _, problem := range page.Problems() {
		if !strings.Contains(problem, "status of 422") { // what the browser says of the wrong script
			t.Error(problem)
		}
	}
	for _, request := range page.Requests() {
		if !strings.HasPrefix(request, s.url+"/") && !strings.HasPrefix(request, "data:") && request != "about:blank" {
			t.Errorf("the page asks for %s", request)
		}
	}
}

// newcomer presses one button, guesses, sees the answer, and undoes it.
func newcomer(t *testing.T, page *browse.Page) {
	page.Click(`button[data-fault="head.garbage"]`)
	page.Await(`document.getElementById("guesses").checkVisibility() && document.querySelector("#guess-rows input")`)
	if page.Text(`document.getElementById("cells").checkVisibility()`) != "false" {
		t.Error("the answer is shown before the guess")
	}
	page.Click(`label:has(input[name=guess-go][value="503"])`)
	page.Click(`#guesses button[type=submit]`)
	page.Await(done + ` && ` + outcome + `.includes("502 Bad Gateway, made by the gateway itself.")`)
	page.Await(`document.querySelector("#cell-go svg.gf-picture").checkVisibility() && ` + force + ` === "In force: head.garbage"`)
	if got := page.Text(`document.getElementById("score").textContent`); got != "You guessed 0 of 1 right." {
		t.Errorf("score: %q", got)
	}
	if got := page.Text(`document.getElementById("said").textContent`); !strings.Contains(got, "502 Bad Gateway") {
		t.Errorf("said: %q", got)
	}
	page.Await(`document.getElementById("log").textContent.includes("malformed HTTP")`)
	page.Click(`#undo`)
	page.Await(force + ` === "The upstream is healthy."`)
}

func twoViewers(t *testing.T, s *site, page *browse.Page) {
	other := browse.Open(t)
	other.Goto(s.url + "/?kind=fault&guess=no")
	other.Await(ready + ` && document.getElementById("viewers").textContent === "2 viewers"`)
	page.Await(`document.getElementById("viewers").textContent === "2 viewers"`)
	page.Click(`button[data-fault="app.503"]`)
	other.Await(done + ` && ` + outcome + `.includes("503 Service Unavailable, an answer of the upstream")`)
	other.Click(`#undo`)
	page.Await(force + ` === "The upstream is healthy."`)
	for _, problem := range other.Problems() {
		t.Error(problem)
	}
}

// shared opens an address as a teacher gives it to others, and begins with the keyboard.
func shared(t *testing.T, s *site, page *browse.Page) {
	query := "?kind=fault&fault=head.partial-status&profile=plain&method=POST&path=%2Fcart&headers=X-Class%3A+3b&body=a%3D1&guess=no"
	page.Goto(s.url + "/" + query)
	page.Await(ready)
	if got := page.Text(`["fault", "method", "path", "headers", "body"].map((n) => make.elements[n].value).join("|")`); got != "head.partial-status|POST|/cart|X-Class: 3b|a=1" {
		t.Errorf("the form says %s", got)
	}
	page.Focus(`#make input[name=path]`)
	page.Press(kb.Enter)
	page.Await(done + ` && document.getElementById("experiment-title").textContent.includes("head.partial-status: POST /cart")`)
	page.Await(`document.querySelector("#cell-go .lab-story").textContent.includes("X-Class: 3b")`)
	page.Await(`location.search.includes("path=%2Fcart")`)
	page.Click(`label:has(input[name=kind][value=script])`)
	page.Await(`document.querySelector("textarea[name=script]").checkVisibility() && location.search.includes("kind=script")`)
	page.Type(`textarea[name=script]`, "explode")
	page.Click(`#make button[type=submit]`)
	page.Await(`document.getElementById("trouble").textContent.includes("no verb is called explode")`)
}

// grows sends a request whose answer takes a while: the picture is there before it, and longer with it.
func grows(t *testing.T, s *site, page *browse.Page) {
	page.Goto(s.url + "/?kind=fault&fault=head.slow&p.delay=1200ms&guess=no")
	page.Await(ready)
	page.Click(`#make button[type=submit]`)
	page.Await(`document.querySelector("#cell-go:not([data-done]) svg.gf-picture") && document.querySelector("#cell-go .lab-step")?.textContent.includes("waiting for the answer")`)
	page.Await(done + ` && ` + outcome + `.includes("200 OK, an answer of the upstream")`)
	page.Click(`#undo`)
	page.Await(force + ` === "The upstream is healthy."`)
}

// TestLessonsInABrowser goes through each lesson, step by step, with a guess at each. Lessons mostly wait, so several are under way
// at once, each in a lab and a tab of its own.
func TestLessonsInABrowser(t *testing.T) {
	all, err := lab.Lessons(catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	browser := browse.Open(t)
	for _, l := range slices.Backward(all) { // the last ones take longest
		t.Run(l.ID, func(t *testing.T) {
			t.Parallel()
			s := openOn(t, nil, run.Options{Gateways: gateways(t, "go"), Local: true}, nil)
			page := browser.Tab(t)
			page.Goto(s.url + "/lessons/" + l.ID)
			page.Await(ready + ` && document.getElementById("lesson").checkVisibility()`)
			for i := range l.Steps {
				t.Run(fmt.Sprintf("step %d", i+1), func(t *testing.T) { step(page.For(t), i+1, len(l.Steps)) })
			}
			// What is over when a viewer comes is no secret to guess about.
			page.Goto(s.url + "/lessons/" + l.ID)
			page.Await(ready + ` && ` + done)
			for _, problem := range page.Problems() {
				t.Error(problem)
			}
		})
	}
}

// step goes through one step of a lesson, and on to the next.
func step(page *browse.Page, n, of int) {
	page.Await(fmt.Sprintf(`document.getElementById("lesson-step").textContent.startsWith("Step %d of %d: ") && !document.getElementById("lesson-run").disabled`, n, of))
	page.Click(`#lesson-run`)
	page.Await(`document.getElementById("guesses").checkVisibility() && document.getElementById("guess-title").textContent === page.lesson.steps[page.step - 1].ask`)
	page.Click(`label:has(input[name=guess-go][value="502"])`)
	page.Click(`#guesses button[type=submit]`)
	page.Await(done + ` && document.getElementById("lesson-explain").textContent.length > 50`)
	if n < of {
		page.Click(`#lesson-next`)
		page.Await(fmt.Sprintf(`location.search === "?step=%d"`, n+1))
	}
}

// guessed has two viewers guess, one of them twice: each counts once, and both see how many there are, and then what they guessed.
func guessed(t *testing.T, s *site, page *browse.Page) {
	other := page.Tab(t)
	for _, p := range []*browse.Page{page, other} {
		p.Goto(s.url + "/lessons/who-made-this-502?step=2")
		p.Await(ready)
	}
	page.Click(`#lesson-run`)
	count := `document.getElementById("guesses").checkVisibility() && document.getElementById("guessed").textContent === `
	other.Await(count + `"0 viewers have guessed." && document.querySelector("#guess-rows input")`)
	other.Click(`label:has(input[name=guess-go][value="504"])`)
	page.Await(count + `"1 viewer has guessed."`)
	page.Focus(`input[name=guess-go][value="502"]`)
	page.Press(" ")
	other.Await(count + `"2 viewers have guessed."`)
	page.Press(kb.ArrowRight)
	page.Press(kb.Enter)
	tally := `document.querySelector("#cell-go .lab-tally")?.checkVisibility() && document.querySelector("#cell-go .lab-tally").textContent === `
	page.Await(done + ` && ` + tally + `"All guesses: 503: 1, 504: 1"`)
	other.Click(`label:has(input[name=guess-go][value="503"])`)
	page.Await(tally + `"All guesses: 503: 2"`)
	other.Click(`#guesses button[type=submit]`)
	other.Await(done + ` && ` + tally + `"All guesses: 503: 2"`)
	for _, problem := range other.Problems() {
		t.Error(problem)
	}
}

func readable(t *testing.T, s *site, page *browse.Page) {
	for _, path := range []string{"/?kind=fault&guess=no", "/lessons/502-503-504?step=2"} {
		page.Goto(s.url + path)
		page.Await(ready + ` && ` + done)
		page.Text(`document.querySelectorAll("details").forEach((d) => { d.open = true; })`)
		for _, theme := range []string{"light", "dark"} {
			for _, width := range []int64{390, 1280, 1920} {
				page.Size(width, 900, theme)
				for _, text := range page.Faint() {
					t.Errorf("%s, %d wide, %s: too faint: %s", theme, width, path, text)
				}
				for _, control := range page.Nameless() {
					t.Errorf("%s, %d wide, %s: no name: %s", theme, width, path, control)
				}
				if over := page.Text(`document.documentElement.scrollWidth - innerWidth`); over != "0" {
					t.Errorf("%d wide, %s: %s pixels too wide", width, path, over)
				}
			}
		}
	}
}

var screenshots = flag.Bool("screenshots", false, "write the pictures of the README anew, from a lab with all gateways")

// TestScreenshots makes the pictures of the README; see the Makefile.
func TestScreenshots(t *testing.T) {
	if !*screenshots {
		t.Skip("without -screenshots")
	}
	o := run.Options{Gateways: gateways(t), Program: program(t)}
	s := openOn(t, nil, o, nil)
	page := browse.Open(t)
	shoot := func(name string) { page.Screenshot(filepath.Join("screenshots", name+".png")) }
	all := fmt.Sprintf(`document.querySelectorAll(".lab-cell[data-done] svg.gf-picture").length === %d`, len(o.Gateways))
	page.Size(1280, 800, "light")
	page.Goto(s.url + "/")
	page.Await(ready)
	shoot("start")
	page.Goto(s.url + "/lessons/502-503-504?step=1")
	page.Await(ready)
	page.Click(`#lesson-run`)
	page.Await(`document.querySelector("#guess-rows input")`)
	for _, guess := range []string{"apache-502", "caddy-502", "go-502", "haproxy-503", "nginx-502"} {
		name, status, _ := strings.Cut(guess, "-")
		page.Click(fmt.Sprintf(`label:has(input[name=guess-%s][value="%s"])`, name, status))
	}
	page.Click(`#guesses button[type=submit]`)
	page.Await(all + ` && document.getElementById("lesson-explain").textContent`)
	page.Text(`document.getElementById("score").scrollIntoView()`)
	shoot("answers")
	page.Size(390, 800, "dark")
	page.Text(`document.getElementById("score").scrollIntoView()`)
	shoot("phone")
}
