// Package browse opens gatefault's pages in a real browser, for tests: it notes what goes wrong on a page and whom the page
// asks for anything, and measures whether its texts can be read and its controls have names.
package browse

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
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

// Page is a tab of a browser, in the hands of one test.
type Page struct {
	t testing.TB
	*tab
}

// tab is what the tests of one page share.
type tab struct {
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
	return open(t, allocated)
}

// Tab opens another empty tab of the same browser, which ends with its own test.
func (p *Page) Tab(t testing.TB) *Page {
	t.Helper()
	return open(t, p.ctx)
}

func open(t testing.TB, of context.Context) *Page {
	t.Helper()
	ctx, end := chromedp.NewContext(of)
	t.Cleanup(end)
	p := &Page{t, &tab{ctx: ctx}}
	if err := chromedp.Listen(ctx, p.note); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	return p
}

// For is the same page for a subtest, which fails alone.
func (p *Page) For(t testing.TB) *Page { return &Page{t, p.tab} }

func find() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	return ""
}

// note takes an event of the browser.
func (p *tab) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, fmt.Sprintf("exception: %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			p.problems = append(p.problems, fmt.Sprintf("console %s: %+v", e.Type, e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.problems = append(p.problems, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
		}
	}
}

// do does steps on the page one after the other; one that fails or takes too long fails the test.
func (p *Page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v; the page shows:\n%s", what, err, p.shows())
	}
}

// shows is the address and the text of the page, for whoever wonders why a step failed.
func (p *Page) shows() string {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// Goto opens an address afresh, even if it differs from the last one in its fragment alone.
func (p *Page) Goto(address string) {
	p.t.Helper()
	p.do("open "+address, chromedp.Navigate("about:blank"), chromedp.Navigate(address))
}

// Click clicks the first element that a CSS selector finds, as soon as it can be seen.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Type types text into the element that a CSS selector finds.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	p.do("type into "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Focus gives the keyboard to the element that a CSS selector finds.
func (p *Page) Focus(selector string) {
	p.t.Helper()
	p.do("focus "+selector, chromedp.Focus(chromedp.CSS(selector)))
}

// Press presses keys, which package kb of chromedp names, where the keyboard's focus is.
func (p *Page) Press(keys string) {
	p.t.Helper()
	p.do("press a key", chromedp.KeyEvent(keys))
}

// Await waits until a JavaScript expression is true.
func (p *Page) Await(expression string) {
	p.t.Helper()
	p.do("await "+expression, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for {
			_, err := chromedp.Poll[chromedp.Void]("!!("+expression+")", chromedp.WithPollingInterval(20*time.Millisecond))(ctx, t)
			if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "Cannot find context") {
				return err
			} // a page that the tab has just left was asked
		}
	}))
}

// Text gives the value of a JavaScript expression as a string.
func (p *Page) Text(expression string) string {
	p.t.Helper()
	return evaluate[string](p, "String("+expression+")")
}

func evaluate[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression[:min(len(expression), 80)], err)
	}
	return value
}

// Size makes the window this large, in CSS pixels, and the system's theme light or dark.
func (p *Page) Size(width, height int64, theme string) {
	p.t.Helper()
	p.do("resize", chromedp.EmulateViewport(width, height), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}})
		return err
	}))
}

// Screenshot writes what is in view as PNG of few colours, so that it is small.
func (p *Page) Screenshot(file string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	full, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		p.t.Fatal(err)
	}
	few := image.NewPaletted(full.Bounds(), frequent(full))
	draw.Draw(few, few.Bounds(), full, image.Point{}, draw.Src)
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := errors.Join(encoder.Encode(&out, few), os.WriteFile(file, out.Bytes(), 0o644)); err != nil {
		p.t.Fatal(err)
	}
}

// frequent are the colours that most of a picture has.
func frequent(of image.Image) (out color.Palette) {
	counts := map[color.RGBA]int{}
	for y := of.Bounds().Min.Y; y < of.Bounds().Max.Y; y++ {
		for x := of.Bounds().Min.X; x < of.Bounds().Max.X; x++ {
			counts[color.RGBAModel.Convert(of.At(x, y)).(color.RGBA)]++
		}
	}
	all := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	for _, c := range all[:min(len(all), 256)] {
		out = append(out, c)
	}
	return out
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
func (p *Page) Faint() []string {
	p.t.Helper()
	return evaluate[[]string](p, faint)
}

// Nameless lists controls that have no name for those who do not see them (success criterion 4.1.2).
func (p *Page) Nameless() []string {
	p.t.Helper()
	return evaluate[[]string](p, nameless)
}

const nameless = `[...document.querySelectorAll("a[href], button, input, select, textarea, [role=img], dialog, nav")]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length ||
    (e.getAttribute("aria-labelledby") || "").split(" ").some((id) => document.getElementById(id)?.textContent.trim())))
  .map((e) => e.outerHTML.slice(0, 120))`

const faint = `(() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const parse = (colour) => {
    if (!known.has(colour)) known.set(colour, pixel(colour));
    return known.get(colour);
  };
  const pixel = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return { rgb: [r, g, b], a: a / 255 };
  };
  const over = (top, below) => top.rgb.map((v, i) => v * top.a + below[i] * (1 - top.a));
  const grounds = new Map([[null, [255, 255, 255]]]);
  const behind = (e) => {
    if (!grounds.has(e)) grounds.set(e, over(parse(getComputedStyle(e).backgroundColor), behind(e.parentElement)));
    return grounds.get(e);
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
