package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"go.uber.org/goleak"
)

func containerLanes(u *Upstream, count int) []Lane {
	var lanes []Lane
	for i := range count {
		lanes = append(lanes, Lane{Index: i, Upstream: netip.AddrPortFrom(u.Addr(), uint16(9001+i))})
	}
	return lanes
}

func portAnswer(lane int) string { return fmt.Sprintf("port %d secret", 9001+lane) }

func TestContainersServeEveryProfile(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	for name, d := range definitions(t) {
		if d.Embedded {
			continue
		}
		for _, profile := range d.ProfileNames() {
			t.Run(name+"/"+profile, func(t *testing.T) {
				began := time.Now()
				r, err := Start(testContext(t), Spec{
					Definition: d, Profile: profile, Lanes: containerLanes(u, 3), Place: PlaceContainer, Engine: e, Network: n,
				})
				if err != nil {
					t.Fatal(err)
				}
				defer stopped(t, r.Stop)
				get(t, r.LaneAddr(0), "/first")
				t.Logf("%s %s (%s), profile %s: %.2f s to the first answer", r.Title(), r.Version(), r.Image(), r.Profile(), time.Since(began).Seconds())
				proveLanes(t, r, portAnswer)
			})
		}
	}
}

func TestContainerWithFortyLanes(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	for name, d := range definitions(t) {
		if d.Embedded {
			continue
		}
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			r, err := Start(testContext(t), Spec{
				Definition: d, Profile: "plain", Lanes: containerLanes(u, 40), Place: PlaceContainer, Engine: e, Network: n,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer stopped(t, r.Stop)
			t.Logf("ready after %.2f s", time.Since(began).Seconds())
			proveLanes(t, r, portAnswer)
		})
	}
}

func TestContainerPublishesNothing(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	found, err := e.docker.ContainerInspect(testContext(t), u.box.container.GetContainerID(), client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Container.HostConfig.PortBindings) != 0 {
		t.Errorf("published: %v", found.Container.HostConfig.PortBindings)
	}
}

func TestBrokenConfigurationInContainerShowsTheGatewaysWords(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	for name, broken := range brokenConfigurations() {
		t.Run(name, func(t *testing.T) {
			_, err := Start(testContext(t), Spec{
				Definition: definitions(t)[name], Profile: "plain", Place: PlaceContainer, Engine: e, Network: n,
				Lanes: []Lane{{Upstream: netip.MustParseAddrPort("192.0.2.1:80")}}, Config: broken.text,
			})
			assertStartError(t, err, broken.words)
		})
	}
	assertNothingLeft(t, e)
}

// brokenConfigurations gives each product a configuration with a mistake and the words it finds for that.
func brokenConfigurations() map[string]struct{ text, words string } {
	return map[string]struct{ text, words string }{
		"nginx":   {"# fine\nno_such_directive on;\n", `[emerg]`},
		"haproxy": {"# fine\nno_such_directive on\n", `:2]: unknown keyword 'no_such_directive'`},
		"caddy":   {"http://:8001 {\n\tno_such_directive on\n}\n", `Caddyfile:2: unrecognized directive: no_such_directive`},
		"apache":  {"# fine\nLoadModule none_module /no/such/module.so\n", `httpd.conf: Cannot load /no/such/module.so`},
	}
}

func assertStartError(t *testing.T, err error, words string) {
	t.Helper()
	var start *StartError
	if !errors.As(err, &start) {
		t.Fatalf("got %v, want a StartError", err)
	}
	t.Log(err)
	if !strings.Contains(err.Error(), words) {
		t.Errorf("the error %q has not the gateway's words %q", err, words)
	}
}

// assertNothingLeft counts containers of this process; the upstream and network of the test itself are not gateways.
func assertNothingLeft(t *testing.T, e *Engine) {
	t.Helper()
	ours := make(client.Filters).Add("label", labelOwner+"="+e.owner.String(), labelProject+"=gateway")
	left, err := e.docker.ContainerList(context.Background(), client.ContainerListOptions{All: true, Filters: ours})
	if err != nil {
		t.Fatal(err)
	}
	if len(left.Items) != 0 {
		t.Errorf("%d containers are left", len(left.Items))
	}
}

// Wherever a start is interrupted, it leaves no container.
func TestInterruptedStartLeavesNothing(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	d := definitions(t)["haproxy"]
	if _, err := e.Image(testContext(t), d, ""); err != nil {
		t.Fatal(err)
	}
	for patience := time.Duration(0); patience < 400*time.Millisecond; patience += 50 * time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		r, err := Start(ctx, Spec{
			Definition: d, Profile: "plain", Place: PlaceContainer, Engine: e, Network: n,
			Lanes: []Lane{{Upstream: netip.MustParseAddrPort("192.0.2.1:80")}},
		})
		cancel()
		if err == nil {
			stopped(t, r.Stop)
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: %v", patience, err)
		}
		assertNothingLeft(t, e)
	}
}

func TestUpstreamThatFailsShowsItsLog(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	_, err := e.Upstream(testContext(t), UpstreamSpec{Binary: upstreamProgram(t), Network: n, Args: []string{"fail"}})
	assertStartError(t, err, "told to fail")
}

func TestStoppingTwiceIsHarmless(t *testing.T) {
	e := testEngine(t)
	u := testUpstream(t, e, testNetwork(t, e))
	stopped(t, u.Stop)
	stopped(t, u.Stop)
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
