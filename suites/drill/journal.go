package drill

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/run"
)

// Line is one that a gateway logged, in the drill's time.
type Line struct {
	At   time.Duration `json:"at"`
	Tier string        `json:"tier,omitempty"`
	Text string        `json:"text"`
}

// maxLines bounds the log that is kept; the oldest go first.
const maxLines = 5000

// logTimeout is enough for the log lines of requests that are over.
const logTimeout = time.Second

// journal takes what the gateways log. Its goroutines end with [journal.close].
type journal struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex // guards what follows
	fresh   []Line     // that came since take
	changed chan struct{}
}

func follow(tiers []run.Tier) *journal {
	ctx, cancel := context.WithCancel(context.Background())
	j := &journal{cancel: cancel, changed: make(chan struct{})}
	for _, t := range tiers {
		name := ""
		if len(tiers) > 1 {
			name = t.Name
		}
		lines := t.Logs.Follow(ctx)
		j.wg.Go(func() {
			for line := range lines {
				j.add(name, t.Tag, line)
			}
		})
	}
	return j
}

func (j *journal) add(tier, tag string, line gateway.Line) {
	if line.Lane != tag && line.Lane != "" {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fresh = append(j.fresh, Line{Tier: tier, Text: line.Text})
	close(j.changed)
	j.changed = make(chan struct{})
}

func (j *journal) close() {
	j.cancel()
	j.wg.Wait()
}

// take gives the lines that came since it was last called, once each of the marks stands in one, or the log had time enough: not
// every failure is logged with the request's path.
func (j *journal) take(ctx context.Context, marks []string) []Line {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	for {
		j.mu.Lock()
		missing := j.missing(marks)
		changed := j.changed
		if !missing || ctx.Err() != nil {
			out := j.fresh
			j.fresh = nil
			j.mu.Unlock()
			return out
		}
		j.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// missing tells whether a mark stands in no line. The caller holds the lock.
func (j *journal) missing(marks []string) bool {
	var all strings.Builder
	for _, l := range j.fresh {
		all.WriteString(l.Text)
		all.WriteByte('\n')
	}
	text := all.String()
	for _, m := range marks {
		if !strings.Contains(text, m+"/") && !strings.Contains(text, m+" ") {
			return true
		}
	}
	return false
}
