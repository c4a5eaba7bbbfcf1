package run

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Bounds of what is told of the machine.
const (
	machineTick   = 10 * time.Millisecond  // between two cells that may begin
	machineSample = 50 * time.Millisecond  // between two looks at the processors
	machineWindow = 150 * time.Millisecond // that is looked back for room
	leastIdle     = 0.15                   // of the processors' time is room for one more cell
	idleForStart  = 0.4                    // is room for a start, which takes what a dozen cells do
	starvation    = 250 * time.Millisecond // after which a cell begins though there is no room
	busyWindow    = 300 * time.Millisecond // without idle time in which what has a timeout may miss it
	busyIdle      = 0.03                   // is no idle time
	maxLooks      = 1 << 16                // that are kept: those of the latest half an hour at least
)

// machine watches how much of the processors' time is idle. What a gateway does that does not get a processor when it wants
// one says little about the gateway. So cells begin when there is room for them, those that wait longest first, and then
// instances start that give cells more places.
type machine struct {
	read func() (look, bool)
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex // guards what follows
	looks   []look
	full    time.Duration // without an idle processor
	running int
	waiting []*ticket // the longest first
	starts  []*ticket // in their order
	latest  time.Time // when the latest cell began
}

// look is one look at the processors: their time since the machine started, in ticks.
type look struct {
	at          time.Time
	idle, total uint64
}

type ticket struct {
	length time.Duration
	ready  chan struct{}
}

// watchMachine begins to watch; close ends it.
func watchMachine() *machine { return watchWith(readProcessors) }

func watchWith(read func() (look, bool)) *machine {
	ctx, cancel := context.WithCancel(context.Background())
	m := &machine{read: read, stop: cancel, done: make(chan struct{})}
	go m.watch(ctx)
	return m
}

func (m *machine) close() {
	m.stop()
	<-m.done
}

func (m *machine) watch(ctx context.Context) {
	defer close(m.done)
	tick := time.NewTicker(machineTick)
	defer tick.Stop()
	var sampled time.Time
	for {
		if now := time.Now(); now.Sub(sampled) >= machineSample {
			sampled = now
			m.sample()
		}
		m.admit()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (m *machine) sample() {
	if l, ok := m.read(); ok {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.look(l)
	}
}

// look takes in what was seen. The caller holds the lock.
func (m *machine) look(l look) {
	if n := len(m.looks); n > 0 && idle(m.looks[n-1], l) < leastIdle {
		m.full += l.at.Sub(m.looks[n-1].at)
	}
	if len(m.looks) >= maxLooks {
		m.looks = slices.Delete(m.looks, 0, maxLooks/2)
	}
	m.looks = append(m.looks, l)
}

// enter waits until there is room for a cell, and gives what tells that it is over.
func (m *machine) enter(ctx context.Context, length time.Duration) (leave func()) {
	t := &ticket{length, make(chan struct{})}
	m.mu.Lock()
	i, _ := slices.BinarySearchFunc(m.waiting, length, func(t *ticket, d time.Duration) int {
		if t.length >= d {
			return -1
		}
		return 1
	})
	m.waiting = slices.Insert(m.waiting, i, t)
	m.mu.Unlock()
	select {
	case <-t.ready:
	case <-ctx.Done():
		if m.leaveQueue(t) {
			return func() {}
		}
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.running--
	}
}

// awaitStart waits until there is room for the start of an instance: no cell waits for room, or none runs that would get on without.
func (m *machine) awaitStart(ctx context.Context) {
	t := &ticket{ready: make(chan struct{})}
	m.mu.Lock()
	m.starts = append(m.starts, t)
	m.mu.Unlock()
	select {
	case <-t.ready:
	case <-ctx.Done():
		m.mu.Lock()
		defer m.mu.Unlock()
		m.starts = slices.DeleteFunc(m.starts, func(other *ticket) bool { return other == t })
	}
}

// leaveQueue takes back a ticket, unless it was used.
func (m *machine) leaveQueue(t *ticket) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.waiting, t)
	if i >= 0 {
		m.waiting = slices.Delete(m.waiting, i, i+1)
	}
	return i >= 0
}

// admit lets the cell begin that waits longest, or the first start, if there is room.
func (m *machine) admit() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		if len(m.starts) > 0 && (m.running == 0 || !m.crowded(idleForStart)) {
			close(m.starts[0].ready)
			m.starts = m.starts[1:]
		}
		return
	}
	if m.running > 0 && m.crowded(leastIdle) && time.Since(m.latest) < starvation {
		return
	}
	close(m.waiting[0].ready)
	m.waiting = slices.Delete(m.waiting, 0, 1)
	m.running++
	m.latest = time.Now()
}

// crowded tells whether less than a part of the processors' time is idle now. The caller holds the lock.
func (m *machine) crowded(least float64) bool {
	since := time.Now().Add(-machineWindow)
	i := slices.IndexFunc(m.looks, func(l look) bool { return l.at.After(since) })
	return i >= 0 && idle(m.looks[max(0, i-1)], m.looks[len(m.looks)-1]) < least
}

// idle is the part of the processors' time between two looks that nobody used.
func idle(a, b look) float64 {
	if b.total <= a.total {
		return 1
	}
	return float64(b.idle-a.idle) / float64(b.total-a.total)
}

// busy tells whether, between two times, the processors were taken for so long that a timeout may have been missed.
func (m *machine) busy(from, to time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, j := 0, 0; j < len(m.looks); j++ {
		if m.looks[j].at.Before(from) {
			i = j
			continue
		}
		for m.looks[j].at.Sub(m.looks[i].at) >= busyWindow {
			if idle(m.looks[i], m.looks[j]) < busyIdle {
				return true
			}
			i++
		}
		if m.looks[j].at.After(to) {
			return false
		}
	}
	return false
}

// taken is how long no processor was idle, all in all.
func (m *machine) taken() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.full
}

// readProcessors reads the first line of /proc/stat; see proc_stat(5). Where there is none, nothing is known and no machine is busy.
func readProcessors() (look, bool) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return look{}, false
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 6 {
		return look{}, false
	}
	l := look{at: time.Now()}
	for i, f := range fields[1:min(len(fields), 9)] { // guests' time, which follows, is in the users' already
		n, err := strconv.ParseUint(string(f), 10, 64)
		if err != nil {
			return look{}, false
		}
		if l.total += n; i == 3 || i == 4 { // idle and iowait
			l.idle += n
		}
	}
	return l, true
}
