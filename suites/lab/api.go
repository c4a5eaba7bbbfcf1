package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"github.com/gatefault/gatefault/upstream/control"
	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/wire"
)

// Catalogue is what a viewer can choose from. It stays the same as long as the lab runs.
type Catalogue struct {
	Gateways  []GatewayInfo  `json:"gateways"`
	Faults    []FaultInfo    `json:"faults"` // that the upstream can do
	Scenarios []ScenarioInfo `json:"scenarios"`
	Lessons   []*Lesson      `json:"lessons"`
	Verbs     []string       `json:"verbs"` // of scripts
	Guesses   []string       `json:"guesses"`
	MaxRate   int            `json:"maxRate"`
	MaxStream int            `json:"maxStream"` // seconds
}

// GatewayInfo is one gateway.
type GatewayInfo struct {
	Name     string   `json:"name"`
	Title    string   `json:"title"`
	Place    string   `json:"place"`
	Profiles []string `json:"profiles"`
	Why      string   `json:"why,omitempty"` // it does not run here
}

// FaultInfo is one fault.
type FaultInfo struct {
	Name   string        `json:"name"`
	Doc    string        `json:"doc"`
	Layer  string        `json:"layer"`
	Params []fault.Param `json:"params"`
	// Profile is one in which the upstream speaks what the fault is about; empty: any.
	Profile string `json:"profile,omitempty"`
}

// ScenarioInfo is one scenario.
type ScenarioInfo struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Cause   string `json:"cause"`
	Explain string `json:"explain"`
}

func (s *Server) catalogue(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.offers()) }

// offers is the catalogue.
func (s *Server) offers() Catalogue {
	c := Catalogue{Lessons: s.opts.Lessons, Verbs: wire.Usage(), Guesses: Guesses(), MaxRate: maxRate, MaxStream: int(maxStream / time.Second)}
	for _, st := range s.Session().Stands() {
		c.Gateways = append(c.Gateways, GatewayInfo{st.Name, name(st.Gateway), string(st.Place), st.Profiles, st.Why})
	}
	for _, f := range fault.All() {
		if f.Level != fault.Beyond {
			c.Faults = append(c.Faults, FaultInfo{f.Name, f.Doc, f.Layer(), f.Params, profileFor(f)})
		}
	}
	for _, sc := range s.Session().Catalogue().All() {
		c.Scenarios = append(c.Scenarios, ScenarioInfo{sc.ID, sc.Title, string(sc.Cause), sc.Explain})
	}
	return c
}

// profileFor is a profile in which a fault can be met at all.
func profileFor(f *fault.Fault) string {
	switch {
	case f.Requests == "2-":
		return "keepalive"
	case f.Needing(fault.NameServer):
		return "dns"
	case f.Needing(fault.Socket):
		return "unix"
	case f.Layer() == "ws", f.Layer() == "grpc":
		return f.Layer()
	}
	return f.Protocol // which profiles are named after
}

func (s *Server) state(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Session().State()) }

// begun tells of an experiment that has begun.
type begun struct {
	ID int `json:"id"`
}

func (s *Server) begin(w http.ResponseWriter, r *http.Request) (any, error) {
	var spec Spec
	if err := control.Decode(w, r, &spec); err != nil {
		return nil, err
	}
	x, err := s.Session().Begin(spec)
	if err != nil {
		return nil, err
	}
	return begun{x.ID}, nil
}

func (s *Server) undo(_ http.ResponseWriter, r *http.Request) (any, error) {
	return struct{}{}, s.Session().Undo(r.Context())
}

// cell writes what there is to see of an experiment on one gateway, as a part of the page.
func (s *Server) cell(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(mux.Vars(r)["id"]) // digits, says the route
	x, c, err := s.Session().find(id, mux.Vars(r)["gateway"])
	if err != nil {
		problem(http.StatusNotFound, "%s", err).Write(w)
		return
	}
	s.render(w, "cell", c.view(x))
}

func writeJSON(w http.ResponseWriter, content any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(content) // the client may be gone
}

// viewerTimeout is how long a viewer may take to read what is sent to him.
const viewerTimeout = 10 * time.Second

// events streams the feed as server-sent events (WHATWG HTML §9.2).
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	f := s.Session().feed
	from := f.start()
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		n, err := strconv.ParseUint(id, 10, 64)
		if err != nil {
			problem(http.StatusBadRequest, "Last-Event-ID %.30q is no number of an event", id).Write(w)
			return
		}
		from = f.known(n)
	}
	if !f.enter() {
		w.Header().Set("Retry-After", "10")
		problem(http.StatusServiceUnavailable, "there are %d viewers already, the limit", maxViewers).Write(w)
		return
	}
	defer func() {
		f.leave()
		s.Session().change()
	}()
	s.Session().change()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx in front would hold the events back
	s.stream(w, r, from)
}

// stream writes until the viewer leaves, is too slow, or the lab ends.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, from uint64) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // the read deadline would end the context
	beat := time.NewTicker(s.opts.Heartbeat)
	defer beat.Stop()
	var out bytes.Buffer
	out.WriteString("retry: 500\n\n")
	for {
		messages, changed, ended := s.Session().feed.since(from)
		for _, m := range messages {
			fmt.Fprintf(&out, "id: %d\nevent: %s\ndata: %s\n\n", m.seq, m.kind, m.data)
			from = m.seq
		}
		if rc.SetWriteDeadline(time.Now().Add(viewerTimeout)) != nil {
			return
		}
		if _, err := w.Write(out.Bytes()); err != nil || rc.Flush() != nil || ended {
			return
		}
		out.Reset()
		select {
		case <-changed:
		case <-beat.C:
			out.WriteString(": still here\n\n")
		case <-r.Context().Done():
			return
		}
	}
}
