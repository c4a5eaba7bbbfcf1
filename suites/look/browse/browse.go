// Package browse opens gatefault's pages in a real browser, for tests: it notes what goes wrong on a page and whom the page
// asks for anything, and measures whether its texts can be read and its controls have names.
package browse

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Page is a tab of a browser.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex // guards what follows
	problems []string
	requests []string
}

// patience is how long one step on a page may take.
const patience = 30 * time.Second

// Open starts a browser with one empty tab, which ends with the test. Where none is installed the test is skipped, or fails
// if GATEFAULT_REQUIRE names browser.
func Open(t testing.TB) *Page {
	t.Helper()
	program := find()
	if program == "" {
		if slices.Contains(strings.Split(os.Getenv("GATEFAULT_REQUIRE"), ","), "browser") {
			t.Fatal("GATEFAULT_REQUIRE demands a browser, and neither chromium nor chrome is installed")
		}
		t.Skip("neither chromium nor chrome is installed")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-prefers-reduced-motion", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // the browser's own sandbox refuses to run as root
	}
	allocated, endAll := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(endAll)
	ctx, end := chromedp.NewContext(allocated)
	t.Cleanup(end)
	p := &Page{t: t, ctx: ctx}
	chromedp.ListenTarget(ctx, p.note)
	if err := chromedp.Run(ctx, network.Enable(), log.Enable(), runtime.Enable()); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	return p
}

func find() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	return ""
}

// note takes an event of the browser.
func (p *Page) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			p.problems = append(p.problems, fmt.Sprintf("console %s: %s", e.Type, e.Args[0].Value))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
			p.problems = append(p.problems, string(e.Entry.Source)+": "+e.Entry.Text)
		}
	}
}

// Do does steps on the page one after the other; one that fails or takes too long fails the test.
func (p *Page) Do(steps ...chromedp.Action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// Await waits until a JavaScript expression is true.
func (p *Page) Await(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, chromedp.Poll(expression, nil, chromedp.WithPollingTimeout(patience))); err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
}

// Text gives the value of a JavaScript expression as a string.
func (p *Page) Text(expression string) (value string) {
	p.t.Helper()
	p.Do(chromedp.Evaluate("String("+expression+")", &value))
	return value
}

// Size makes the window this large, in CSS pixels, and the system's theme light or dark.
func (p *Page) Size(width, height int64, theme string) {
	p.t.Helper()
	p.Do(chromedp.EmulateViewport(width, height),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}))
}

// Problems are errors and warnings so far: of scripts, of the console, and of what the page's policy forbids.
func (p *Page) Problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.problems)
}

// Requests are the addresses that were asked for so far.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// Faint lists texts in view whose contrast with what is behind them is less than WCAG 2.2 asks for (success criterion 1.4.3,
// level AA): 4.5, and 3 for large text.
func (p *Page) Faint() (texts []string) {
	p.t.Helper()
	p.Do(chromedp.Evaluate(faint, &texts))
	return texts
}

// Nameless lists controls that have no name for those who do not see them (success criterion 4.1.2).
func (p *Page) Nameless() (controls []string) {
	p.t.Helper()
	p.Do(chromedp.Evaluate(nameless, &controls))
	return controls
}

const nameless = `[...document.querySelectorAll("a[href], button, input, select, textarea, [role=img], dialog, nav")]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length ||
    (e.getAttribute("aria-labelledby") || "").split(" ").some((id) => document.getElementById(id)?.textContent.trim())))
  .map((e) => e.outerHTML.slice(0, 120))`

const faint = `(() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const parse = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return { rgb: [r, g, b], a: a / 255 };
  };
  const over = (top, below) => top.rgb.map((v, i) => v * top.a + below[i] * (1 - top.a));
  const behind = (e) => {
    const layers = [];
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.a > 0) layers.push(colour);
      if (colour.a === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const out = new Map();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    const text = walk.currentNode.data.trim();
    if (!text || !e.checkVisibility({ visibilityProperty: true }) || e.closest("script, style, option, title, desc, [data-away]")) continue;
    const style = getComputedStyle(e);
    const below = behind(e);
    const ink = over(parse(e.namespaceURI.endsWith("svg") ? style.fill : style.color), below);
    const [a, b] = [light(ink), light(below)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) out.set(e.className + ink + below, text.slice(0, 40) + " (" + (e.className.baseVal ?? e.className) + ") " + ratio.toFixed(2));
  }
  return [...out.values()];
})()`
