package drill

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/alert"
	"github.com/gatefault/gatefault/suites/run"
)

//go:embed board.html board.js
var boardFiles embed.FS

// Board is a drill for the viewers of a page. Time passes by itself. One drill is under way at a time; all viewers share it.
// Close it before the bench.
type Board struct {
	bench     *run.Bench
	catalogue *scenarios.Catalogue
	alerts    *alert.Book
	gateways  []string      // that run
	pace      time.Duration // that a second of a drill takes

	ctx    context.Context // of what is under way
	cancel context.CancelFunc

	playing sync.Mutex // held by whoever lets time pass or performs a command
	drill   *Drill
	leave   func() error // ends the drill and gives its seat back; nil: there is none
	wg      sync.WaitGroup

	mu   sync.Mutex // guards shown
	view View
}

// View is what a page shows.
type View struct {
	Gateways []string `json:"gateways"`
	Running  bool     `json:"running"`
	Scene    string   `json:"scene,omitempty"`
	Clock    string   `json:"clock,omitempty"`
	Status   string   `json:"status,omitempty"`
	Failed   []int    `json:"failed,omitempty"` // percent of failed requests, for each of the last seconds
	Record   *Record  `json:"record,omitempty"` // once it is over
	Reveal   string   `json:"reveal,omitempty"`
	Trouble  string   `json:"trouble,omitempty"`
}

// NewBoard makes a board on a bench. pace is how long a second of a drill takes; default one second.
func NewBoard(bench *run.Bench, catalogue *scenarios.Catalogue, pace time.Duration) (*Board, error) {
	alerts, err := alert.Builtin()
	if err != nil {
		return nil, err
	}
	if pace <= 0 {
		pace = time.Second
	}
	b := &Board{bench: bench, catalogue: catalogue, alerts: alerts, pace: pace}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	for _, st := range bench.Stands() {
		if st.Why == "" {
			b.gateways = append(b.gateways, st.Name)
		}
	}
	b.view = View{Gateways: b.gateways}
	return b, nil
}

// Close ends the drill that is under way.
func (b *Board) Close() error {
	b.cancel()
	b.wg.Wait()
	b.playing.Lock()
	defer b.playing.Unlock()
	return b.end()
}

// end ends what is under way. The caller holds playing.
func (b *Board) end() (err error) {
	if b.leave != nil {
		err = b.leave()
	}
	b.drill, b.leave = nil, nil
	return err
}

// Wish is a drill that a viewer asks for.
type Wish struct {
	Gateway string  `json:"gateway"`
	Level   int     `json:"level"`
	Seed    *uint64 `json:"seed"`
}

// Begin begins a drill, in the place of the one that is under way.
func (b *Board) Begin(w Wish) error {
	if !slices.Contains(b.gateways, w.Gateway) || w.Level < 1 || w.Level > Levels {
		return fmt.Errorf("gateway must be one of %s, and level 1 to %d", strings.Join(b.gateways, ", "), Levels)
	}
	b.playing.Lock()
	defer b.playing.Unlock()
	if err := errors.Join(b.ctx.Err(), b.end()); err != nil {
		return err
	}
	seed := rand.Uint64() >> 33
	if w.Seed != nil {
		seed = *w.Seed
	}
	x, err := Draw(w.Level, seed, b.catalogue, Possible(b.ctx, b.bench, w.Gateway, b.catalogue))
	if err != nil {
		return err
	}
	seat, err := b.bench.Take(b.ctx, w.Gateway, x.Seat())
	if err != nil {
		return err
	}
	leaving := func() error { return seat.Leave(context.WithoutCancel(b.ctx)) }
	d, err := New(b.ctx, Options{Exercise: x, Seat: seat, Catalogue: b.catalogue, Alerts: b.alerts, Seed: seed, Level: w.Level})
	if err != nil {
		return errors.Join(err, leaving())
	}
	b.drill = d
	b.leave = func() error { return errors.Join(d.Close(context.WithoutCancel(b.ctx)), leaving()) }
	b.show(nil)
	b.wg.Go(func() { b.pass(d) })
	return nil
}

// pass lets time pass until the drill is over, or another one in its place.
func (b *Board) pass(d *Drill) {
	t := time.NewTicker(b.pace)
	defer t.Stop()
	for began := time.Now(); ; {
		select {
		case <-b.ctx.Done():
			return
		case <-t.C:
		}
		b.playing.Lock()
		if b.drill != d {
			b.playing.Unlock()
			return
		}
		err := d.CatchUp(b.ctx, time.Duration(time.Since(began)/b.pace)*time.Second)
		b.show(err)
		if err != nil || d.Over() {
			b.show(errors.Join(err, b.end()))
			b.playing.Unlock()
			return
		}
		b.playing.Unlock()
	}
}

// show has the viewers see how it stands. The caller holds playing.
func (b *Board) show(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := b.drill; d != nil {
		b.view = View{Gateways: b.gateways, Running: !d.Over(), Scene: d.Scene(), Clock: clock(d.now), Status: d.status(), Failed: d.failed()}
		if d.Over() {
			b.view.Record = d.Record()
			b.view.Reveal = b.view.Record.Text()
		}
	} else {
		b.view.Running = false
	}
	if err != nil {
		b.view.Trouble = err.Error()
	}
}

// failed is the share of failed requests in each of the last seconds, in percent.
func (d *Drill) failed() []int {
	out := []int{}
	for _, s := range d.seconds[max(0, len(d.seconds)-5*graphSeconds):] {
		out = append(out, 100*s.failures()/max(1, s.good+s.failures()))
	}
	return out
}

// Do performs a command.
func (b *Board) Do(command string) (string, error) {
	b.playing.Lock()
	defer b.playing.Unlock()
	if b.drill == nil {
		return "No drill is under way.", nil
	}
	if strings.HasPrefix(strings.TrimSpace(command), "wait") {
		return "Time passes by itself here.", nil
	}
	shown, err := b.drill.Do(b.ctx, command)
	b.show(err)
	return shown, err
}

// Page serves the board at a path: its page, which frame writes with the board's content and the address of its script, and below
// it what the script asks. Whoever serves it keeps other sites' requests away.
func (b *Board) Page(at string, frame func(w http.ResponseWriter, title string, body template.HTML, scripts ...string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.TrimSuffix(r.URL.Path, "/") != at || r.Method != http.MethodGet && r.Method != http.MethodHead {
			b.serve(w, r)
			return
		}
		body, _ := boardFiles.ReadFile("board.html") // embedded
		frame(w, "Drill", template.HTML(body), at+"/drill.js")
	})
}

// maxRequest bounds what a viewer may send, in bytes.
const maxRequest = 4 << 10

// serve answers what the page's script asks: state, begin and do, and sends the script itself.
func (b *Board) serve(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + path.Base(r.URL.Path) {
	case "GET drill.js":
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		text, _ := boardFiles.ReadFile("board.js") // embedded
		_, _ = w.Write(text)
	case "GET state":
		b.mu.Lock()
		view := b.view
		b.mu.Unlock()
		send(w, http.StatusOK, view)
	case "POST begin":
		var wish Wish
		if receive(w, r, &wish) {
			reply(w, struct{}{}, b.Begin(wish))
		}
	case "POST do":
		var asked struct {
			Command string `json:"command"`
		}
		if receive(w, r, &asked) {
			shown, err := b.Do(asked.Command)
			reply(w, map[string]string{"shown": shown}, err)
		}
	default:
		send(w, http.StatusNotFound, map[string]string{"error": "there is nothing here"})
	}
}

func receive(w http.ResponseWriter, r *http.Request, into any) bool {
	dec := json.NewDecoder(io.LimitReader(r.Body, maxRequest))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err != nil {
		send(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
	}
	return err == nil
}

func reply(w http.ResponseWriter, out any, err error) {
	if err != nil {
		send(w, http.StatusUnprocessableEntity, map[string]string{"error": err.Error()})
		return
	}
	send(w, http.StatusOK, out)
}

func send(w http.ResponseWriter, status int, out any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out) // the client may be gone
}
