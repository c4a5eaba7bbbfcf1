package lab

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
)

// State is what all viewers are told whenever it changes. It is whole, so that one who was away needs only the newest.
type State struct {
	Viewers int    `json:"viewers"`
	Busy    bool   `json:"busy"`            // an experiment is under way
	Force   string `json:"force,omitempty"` // what is in force at the upstream; empty: it is healthy
	// Lanes are where the gateways are that have it in force, for clients of the viewers' own.
	Lanes       []LaneState       `json:"lanes"`
	Experiments []ExperimentState `json:"experiments"` // oldest first
}

// LaneState is a gateway's lane with something in force.
type LaneState struct {
	Gateway string `json:"gateway"`
	Addr    string `json:"addr"`
}

// ExperimentState is how far an experiment is.
type ExperimentState struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
	Spec  Spec   `json:"spec"`
	Done  bool   `json:"done"`
	// Guessed is how many viewers have guessed about it.
	Guessed int         `json:"guessed"`
	Cells   []CellState `json:"cells"`
}

// CellState is how far it is on one gateway.
type CellState struct {
	Gateway string         `json:"gateway"` // name
	Title   string         `json:"title"`   // product and version
	Rev     int            `json:"rev"`     // has grown if there is more to show
	Step    run.Step       `json:"step,omitempty"`
	Done    bool           `json:"done"`
	Outcome string         `json:"outcome,omitempty"` // such as 502 made
	Answer  string         `json:"answer,omitempty"`  // 502, 503, 504 or other: what one can guess
	Verdict run.Verdict    `json:"verdict,omitempty"`
	Why     string         `json:"why,omitempty"` // there is no outcome
	Sent    int            `json:"sent"`
	Answers map[string]int `json:"answers,omitempty"` // of a stream
	Guesses map[string]int `json:"guesses,omitempty"` // of how many viewers each
}

// State gives the present state.
func (s *Session) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{Viewers: s.feed.count(), Busy: s.running != nil, Lanes: []LaneState{}, Experiments: []ExperimentState{}}
	if s.force != nil {
		st.Force = s.force.what()
	}
	for _, name := range slices.Sorted(maps.Keys(s.desks)) {
		st.Lanes = append(st.Lanes, LaneState{name, s.desks[name].Addr()})
	}
	for _, x := range s.past {
		st.Experiments = append(st.Experiments, x.state())
	}
	return st
}

// state is how far the experiment is; the caller holds the session's mu.
func (x *Experiment) state() ExperimentState {
	st := ExperimentState{ID: x.ID, Title: x.Title, Spec: x.Spec, Guessed: len(x.guesses)}
	if st.Spec.Script = ""; st.Spec.Request != nil { // what is long is not sent with every change
		st.Spec.Request = &Request{Method: st.Spec.Request.Method, Path: st.Spec.Request.Path}
	}
	select {
	case <-x.done:
		st.Done = true
	default:
	}
	for _, c := range x.cells {
		cs := c.state(x.streams())
		cs.Guesses = x.tally(cs.Gateway)
		st.Cells = append(st.Cells, cs)
	}
	return st
}

// streams tells whether there is more than one request.
func (x *Experiment) streams() bool { return x.Spec.Stream != nil || x.scenario.Traffic != nil }

func (c *cell) state(streams bool) CellState {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := CellState{Gateway: c.gateway.Name, Title: name(c.gateway), Rev: c.rev, Step: c.step, Done: c.over, Why: c.why, Sent: c.sent}
	if streams {
		st.Answers = maps.Clone(c.answers)
	}
	if r := c.result; r != nil {
		st.Verdict = r.Verdict
		if !r.Observed.IsZero() {
			st.Outcome, st.Answer = r.Observed.String(), guessable(r.Observed)
		} else {
			st.Why = r.Reason
		}
	}
	return st
}

// on tells whether the cell is one on that gateway.
func (c *cell) on(gateway string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gateway.Name == gateway
}

func name(g run.Gateway) string {
	if g.Version == "" {
		return g.Title
	}
	return g.Title + " " + g.Version
}

// guessable is the guess that would be right.
func guessable(o scenarios.Outcome) string {
	status := strconv.Itoa(o.Status)
	if (o.Kind == scenarios.Made || o.Kind == scenarios.Passed || o.Kind == scenarios.Stored) && slices.Contains(Guesses(), status) {
		return status
	}
	return "other"
}

// find gives a cell of an experiment that is kept.
func (s *Session) find(id int, gateway string) (*Experiment, *cell, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.past {
		for _, c := range x.cells {
			if x.ID == id && c.on(gateway) {
				return x, c, nil
			}
		}
	}
	return nil, nil, fmt.Errorf("there is no cell of experiment %d on %.40q any more, or not yet", id, gateway)
}
