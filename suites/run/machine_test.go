package run

import (
	"context"
	"sync"
	"testing"
	"time"
)

// processors are those of a machine whose idle part is set.
type processors struct {
	mu   sync.Mutex // guards what follows
	idle float64
	now  look
}

func (p *processors) set(idle float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = idle
}

func (p *processors) read() (look, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.at = time.Now()
	p.now.total += 1000
	p.now.idle += uint64(1000 * p.idle)
	return p.now, true
}

func TestWhatWaitsLongestBeginsFirstWhereThereIsRoom(t *testing.T) {
	p := &processors{}
	m := watchWith(p.read)
	defer m.close()
	leave := m.enter(t.Context(), time.Second) // the first one does not wait: nothing of ours is in its way
	short, long := make(chan func(), 1), make(chan func(), 1)
	m.mu.Lock() // until both wait
	go func() { short <- m.enter(t.Context(), time.Second) }()
	go func() { long <- m.enter(t.Context(), time.Minute) }()
	m.mu.Unlock()
	p.set(1)
	(<-long)()
	(<-short)()
	leave()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running != 0 {
		t.Errorf("%d cells are said to run", m.running)
	}
}

func TestTheLongestTicketIsTheFirst(t *testing.T) {
	m := &machine{}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i, d := range []time.Duration{time.Second, time.Minute, 0, time.Minute} {
		wg.Go(func() { m.enter(ctx, d) })
		awaitWaiting(t, m, i+1)
	}
	m.admit()
	m.mu.Lock()
	if left := len(m.waiting); left != 3 || m.waiting[0].length != time.Minute || m.waiting[2].length != 0 || m.running != 1 {
		t.Errorf("%d wait, %d run", left, m.running)
	}
	m.mu.Unlock()
	cancel()
	wg.Wait()
	if len(m.waiting) != 0 {
		t.Errorf("%d wait after the end", len(m.waiting))
	}
}

func awaitWaiting(t *testing.T, m *machine, n int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		m.mu.Lock()
		got := len(m.waiting)
		m.mu.Unlock()
		if got >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d cells wait, want %d", got, n)
		}
	}
}

// awaitCrowded waits until it has looked twice.
func awaitCrowded(m *machine) {
	for crowded := false; !crowded; time.Sleep(time.Millisecond) {
		m.mu.Lock()
		crowded = m.crowded(leastIdle)
		m.mu.Unlock()
	}
}

func TestNoCellWaitsForEver(t *testing.T) {
	m := watchWith((&processors{}).read)
	defer m.close()
	defer m.enter(t.Context(), time.Second)()
	awaitCrowded(m)
	m.mu.Lock()
	m.latest = time.Now()
	m.mu.Unlock()
	began := time.Now()
	m.enter(t.Context(), time.Second)() // others keep the machine busy
	if took := time.Since(began); took < starvation/2 {
		t.Errorf("it began after %s on a machine that had no room", took)
	}
}

func TestTimesWithoutAnIdleProcessorAreBusy(t *testing.T) {
	at := time.Unix(1000, 0)
	m := &machine{}
	var l look
	for i, idle := range []uint64{50, 50, 0, 0, 0, 0, 0, 0, 0, 50, 50, 0, 0, 50} {
		l = look{at: at.Add(time.Duration(i) * machineSample), total: l.total + 100, idle: l.idle + idle}
		m.look(l)
	}
	within := func(from, to int) bool {
		return m.busy(at.Add(time.Duration(from)*machineSample), at.Add(time.Duration(to)*machineSample))
	}
	if !within(0, 9) || !within(2, 8) {
		t.Error("a third of a second without idle time is not told")
	}
	if within(0, 3) || within(9, 13) {
		t.Error("a moment without idle time makes the machine busy")
	}
	if got, want := m.taken(), 9*machineSample; got != want {
		t.Errorf("busy for %s, want %s", got, want)
	}
}

func TestTheProcessorsAreRead(t *testing.T) {
	first, ok := readProcessors()
	if !ok {
		t.Skip("this system has no /proc/stat")
	}
	if first.idle > first.total || first.total == 0 {
		t.Errorf("idle for %d of %d ticks", first.idle, first.total)
	}
}

func TestStartsWaitForCells(t *testing.T) {
	p := &processors{}
	m := watchWith(p.read)
	defer m.close()
	m.awaitStart(t.Context()) // the first one does not wait: no cell runs
	leave := m.enter(t.Context(), time.Second)
	awaitCrowded(m)
	started := make(chan bool)
	go func() {
		m.awaitStart(t.Context())
		close(started)
	}()
	select {
	case <-started:
		t.Error("it began although the processors had no room")
	case <-time.After(3 * machineTick):
	}
	leave()
	<-started // nothing runs that would get on without
	ctx, cancel := context.WithCancel(t.Context())
	defer m.enter(t.Context(), time.Second)()
	cancel()
	m.awaitStart(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.starts) != 0 {
		t.Errorf("%d starts wait after the end", len(m.starts))
	}
}
