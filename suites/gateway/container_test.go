package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"go.uber.org/goleak"

	"github.com/gatefault/gatefault/suites/sandbox"
)

func containerLanes(u *Upstream, count int) []Lane {
	var lanes []Lane
	for i := range count {
		at := netip.AddrPortFrom(u.Addr(), uint16(9001+i))
		lanes = append(lanes, Lane{Index: i, Upstream: at, Backup: netip.AddrPortFrom(u.Addr(), uint16(9101+i)),
			Domain: "upstream.test", Resolver: at, Socket: "/tmp/none.sock"})
	}
	return lanes
}

func portAnswer(lane int) string { return fmt.Sprintf("port %d secret", 9001+lane) }

// One instance holds a lane of each profile that can share it; lanes of plain HTTP answer. What the others do is proven by
// the cells of package run.
func TestOneContainerServesAllProfilesThatShare(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	for name, d := range definitions(t) {
		if d.Embedded {
			continue
		}
		t.Run(name, func(t *testing.T) {
			spec := Spec{Definition: d, Place: PlaceContainer, Engine: e, Network: n}
			var plain []int
			for _, profile := range d.ProfileNames() {
				one := Spec{Definition: d, Profile: profile, Lanes: containerLanes(u, len(spec.Lanes)+1)[len(spec.Lanes):]}
				isPlain := prepare(t, &one)
				if !d.Shares(profile) || one.usesSystemResolver() {
					continue
				}
				if isPlain {
					plain = append(plain, len(spec.Lanes))
				}
				one.Lanes[0].Profile = profile
				spec.Lanes = append(spec.Lanes, one.Lanes[0])
				for file, content := range one.Files {
					spec.Files = map[string]string{file: content}
				}
			}
			r, err := Start(testContext(t), spec)
			if err != nil {
				t.Fatal(err)
			}
			defer stopped(t, r.Stop)
			if len(plain) < 2 {
				t.Errorf("lanes %v are of plain HTTP, want several", plain)
			}
			for _, i := range plain {
				if status, body := get(t, r.LaneAddr(i), "/"); status != 200 || body != portAnswer(i) {
					t.Errorf("lane %d (%s): got %d %q, want 200 %q", i, spec.Lanes[i].Profile, status, body, portAnswer(i))
				}
			}
		})
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
	assertUnpublished(t, e, u.box.id)
}

// Official images expose ports, which testcontainers publishes unless it is kept from it.
func TestImageThatExposesPortsPublishesNothing(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	const tag = "gatefault-test/exposing:1"
	importExposing(t, e, tag)
	req := testcontainers.ContainerRequest{Image: tag, Name: uniqueName("test"), Labels: e.labels("test"), Entrypoint: []string{"/gatefault"}}
	n.attach(&req)
	b, err := e.run(testContext(t), req, NewLogBook(Regexp{}))
	if err != nil {
		t.Fatal(err)
	}
	defer stopped(t, b.remove)
	assertUnpublished(t, e, b.id)
}

// importExposing makes an image of the stand-in for the upstream that exposes ports as official images do.
func importExposing(t *testing.T, e *Engine, tag string) {
	t.Helper()
	program, err := os.ReadFile(upstreamProgram(t))
	if err != nil {
		t.Fatal(err)
	}
	archive, err := buildContext(nil, program)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "root.tar")
	if err := os.WriteFile(file, archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.importArchive(testContext(t), file, tag, []string{"EXPOSE 80 443/tcp 443/udp"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := e.docker.ImageRemove(context.Background(), tag, client.ImageRemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
	found, err := e.docker.ImageInspect(testContext(t), tag)
	if err != nil || len(found.Config.ExposedPorts) != 3 {
		t.Fatalf("the image exposes %v, %v", found.Config.ExposedPorts, err)
	}
}

func assertUnpublished(t *testing.T, e *Engine, id string) {
	t.Helper()
	found, err := e.docker.ContainerInspect(testContext(t), id, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !found.Container.State.Running {
		t.Error("the container does not run, so this shows nothing")
	}
	bindings, ports := found.Container.HostConfig.PortBindings, found.Container.NetworkSettings.Ports
	if len(bindings) != 0 || found.Container.HostConfig.PublishAllPorts {
		t.Errorf("to be published: %v", bindings)
	}
	for port, published := range ports {
		if len(published) != 0 {
			t.Errorf("published: %v as %v", port, published)
		}
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
	assertNothingLeft(t, e, "gateway")
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

// assertNothingLeft counts this process's containers of a kind; the upstream and network of the test itself are alive.
func assertNothingLeft(t *testing.T, e *Engine, kind string) {
	t.Helper()
	ours := make(client.Filters).Add("label", labelOwner+"="+e.owner.String(), labelProject+"="+kind)
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
	program := upstreamProgram(t)
	if _, err := e.UpstreamImage(testContext(t), program); err != nil {
		t.Fatal(err)
	}
	lanes := []Lane{{Upstream: netip.MustParseAddrPort("192.0.2.1:80")}}
	starts := map[string]func(context.Context) (func(context.Context) error, error){
		"gateway": func(ctx context.Context) (func(context.Context) error, error) {
			r, err := Start(ctx, Spec{Definition: d, Profile: "plain", Place: PlaceContainer, Engine: e, Network: n, Lanes: lanes})
			if err != nil {
				return nil, err
			}
			return r.Stop, nil
		},
		"upstream": func(ctx context.Context) (func(context.Context) error, error) {
			u, err := e.Upstream(ctx, UpstreamSpec{Binary: program, Network: n})
			if err != nil {
				return nil, err
			}
			return u.Stop, nil
		},
		"network": func(ctx context.Context) (func(context.Context) error, error) {
			n, err := e.Network(ctx)
			if err != nil {
				return nil, err
			}
			return n.Remove, nil
		},
	}
	for kind, start := range starts {
		t.Run(kind, func(t *testing.T) { interruptAtEveryStage(t, e, kind, start) })
	}
	networks, err := e.docker.NetworkList(testContext(t), client.NetworkListOptions{
		Filters: make(client.Filters).Add("label", labelOwner+"="+e.owner.String())})
	if err != nil || len(networks.Items) != 1 {
		t.Errorf("%d networks are left, want the test's own one; %v", len(networks.Items), err)
	}
}

func interruptAtEveryStage(t *testing.T, e *Engine, kind string, start func(context.Context) (func(context.Context) error, error)) {
	interrupted := 0
	for patience := time.Duration(0); patience <= 800*time.Millisecond; patience += 40 * time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		stop, err := start(ctx)
		cancel()
		switch {
		case err == nil && kind == "network":
			stopped(t, stop)
		case err == nil:
			if err := stop(ctx); err != nil { // although its context has ended
				t.Error(err)
			}
		case errors.Is(err, context.DeadlineExceeded):
			interrupted++
		default:
			t.Errorf("after %s: %v", patience, err)
		}
		assertNothingLeft(t, e, kind)
	}
	t.Logf("interrupted %d times", interrupted)
	if interrupted == 0 {
		t.Error("nothing was interrupted")
	}
}

// Nobody is made to wait for a program in a container that does not print its version.
func TestHangingVersionInContainer(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	d := *definitions(t)["caddy"]
	image, err := e.Image(testContext(t), &d, "")
	if err != nil {
		t.Fatal(err)
	}
	d.Version.Args = []string{"respond", "--listen", ":7"} // serves until it is killed
	began := time.Now()
	_, err = Start(testContext(t), Spec{
		Definition: &d, Profile: "plain", Lanes: containerLanes(u, 1), Place: PlaceContainer, Engine: e, Network: n, Image: image.Ref,
	})
	assertStartError(t, err, "respond --listen :7 did not print its version within 5 s")
	if took := time.Since(began); took > commandTimeout+5*time.Second {
		t.Errorf("it took %s", took)
	}
	assertNothingLeft(t, e, "gateway")
}

func TestContainersHaveReadableNames(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	r, err := Start(testContext(t), Spec{Definition: definitions(t)["nginx"], Profile: "plain", Lanes: containerLanes(u, 1),
		Place: PlaceContainer, Engine: e, Network: n})
	if err != nil {
		t.Fatal(err)
	}
	defer stopped(t, r.Stop)
	ours := make(client.Filters).Add("label", labelOwner+"="+e.owner.String())
	found, err := e.docker.ContainerList(testContext(t), client.ContainerListOptions{Filters: ours})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found.Items {
		want := map[string]string{"gateway": `^/gatefault-nginx-plain-[0-9a-f]{8}$`, "upstream": `^/gatefault-upstream-[0-9a-f]{8}$`}[c.Labels[labelProject]]
		if !regexp.MustCompile(want).MatchString(c.Names[0]) {
			t.Errorf("a container is called %q, want %s", c.Names[0], want)
		}
	}
	if !regexp.MustCompile(`^gatefault-[0-9a-f]{8}$`).MatchString(n.Name) {
		t.Errorf("the network is called %q", n.Name)
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

// programs is a folder for what tests build once.
var programs string

func TestMain(m *testing.M) {
	sandbox.Serve()
	var err error
	if programs, err = os.MkdirTemp("", "gatefault-test-"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(programs)
		os.Exit(code)
	}))
}
