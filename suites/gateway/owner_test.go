package gateway

import (
	"os/exec"
	"testing"

	"github.com/moby/moby/client"
)

func TestOwnersAreJudgedOnlyWhereTheyCanBe(t *testing.T) {
	self, err := currentOwner()
	if err != nil {
		t.Fatal(err)
	}
	if parsed, ok := parseOwner(self.String()); !ok || parsed != self {
		t.Errorf("parsed %+v, want %+v", parsed, self)
	}
	gone := deadProcess(t)
	for name, c := range map[string]struct {
		change func(*owner)
		dead   bool
	}{
		"itself":                  {func(*owner) {}, false},
		"pid used again":          {func(o *owner) { o.Started = "1" }, true},
		"ended":                   {func(o *owner) { o.Pid = gone }, true},
		"before the last boot":    {func(o *owner) { o.Boot = "other" }, true},
		"other machine":           {func(o *owner) { o.Machine, o.Pid = "other", gone }, false},
		"other pid namespace":     {func(o *owner) { o.Namespace, o.Pid = "other", gone }, false},
		"init, started otherwise": {func(o *owner) { o.Pid = 1 }, true},
	} {
		o := self
		c.change(&o)
		if got := o.deadTo(self); got != c.dead {
			t.Errorf("%s: dead is %v, want %v", name, got, c.dead)
		}
	}
}

// deadProcess is the pid of a process that was waited for.
func deadProcess(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// The sweep removes what a dead owner left and leaves what living owners have.
func TestSweep(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	left := leaveBehind(t, e)
	swept, err := e.Sweep(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if swept.Containers < 1 || swept.Networks < 1 || swept.Volumes < 1 {
		t.Errorf("swept %+v", swept)
	}
	if _, err := e.docker.NetworkInspect(testContext(t), left.id, client.NetworkInspectOptions{}); err == nil {
		t.Error("the dead owner's network is still there")
	}
	select {
	case <-u.Exited():
		t.Error("the sweep removed what is alive")
	default:
	}
}

// leaveBehind makes a network with a container and a volume in the name of a process that has ended.
func leaveBehind(t *testing.T, e *Engine) *Network {
	t.Helper()
	dead := newEngine(e.docker, e.owner, e.progress)
	dead.owner.Pid = deadProcess(t)
	n, err := dead.Network(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	v, err := dead.Volume(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dead.Upstream(testContext(t), UpstreamSpec{Binary: upstreamProgram(t), Network: n, Sockets: v}); err != nil {
		t.Fatal(err)
	}
	return n
}
