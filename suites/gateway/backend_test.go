package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gatefault/gatefault/docker"
)

func phpFPM(t *testing.T) *Backend {
	t.Helper()
	all, err := LoadBackends(docker.Files)
	if err != nil {
		t.Fatal(err)
	}
	if all["php-fpm"] == nil {
		t.Fatalf("no php-fpm among %v", all)
	}
	return all["php-fpm"]
}

func TestBackendsLoadStrictly(t *testing.T) {
	files := fstest.MapFS{}
	for _, name := range []string{"backend.yaml", "php-fpm.tmpl", "index.php"} {
		text, err := docker.Files.ReadFile(path.Join("php-fpm", name))
		if err != nil {
			t.Fatal(err)
		}
		files["php-fpm/"+name] = &fstest.MapFile{Data: text}
	}
	if _, err := LoadBackends(files); err != nil {
		t.Fatal(err)
	}
	good := string(files["php-fpm/backend.yaml"].Data)
	for name, c := range map[string]struct{ from, to, want string }{
		"unknown key":     {"title:", "titel:", "php-fpm/backend.yaml:1: "},
		"no default pool": {"  default:", "  another:", "pools: need one called default"},
		"no script":       {"script: index.php", "script: other.php", "script: "},
		"bad example":     {"example: 'PHP", "example: 'PEARL", "version: needs args"},
		"bad argument":    {`"{{.Config}}"]`, `"{{.Confg}}"]`, "run: "},
	} {
		files["php-fpm/backend.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(good, c.from, c.to, 1))}
		if _, err := LoadBackends(files); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestProfileNeedsABackendThatIsThere(t *testing.T) {
	_, err := Load(fstest.MapFS{"profiles.yaml": {Data: []byte("php:\n  doc: one\n  backend: pearl\n")}})
	if err == nil || !strings.Contains(err.Error(), `profiles.yaml:1: php: backend "pearl" has no folder`) {
		t.Errorf("got %v", err)
	}
}

// startPHP starts the backend beside an upstream and a gateway in front, with a lane for each pool.
func startPHP(t *testing.T, gateway string, pools ...string) (*Running, *RunningBackend) {
	t.Helper()
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	spec := BackendSpec{Backend: phpFPM(t), Engine: e, Beside: u}
	lanes := make([]Lane, len(pools))
	for i, pool := range pools {
		at := netip.AddrPortFrom(u.Addr(), uint16(21000+i))
		spec.Pools = append(spec.Pools, LanePool{ID: fmt.Sprint("test-", i), Pool: pool, Listen: at,
			Env: map[string]string{"GATEFAULT_ENDPOINT": fmt.Sprint("test-", i)}})
		lanes[i] = Lane{Index: i, Upstream: at}
	}
	b, err := StartBackend(testContext(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped(t, b.Stop) })
	r, err := Start(testContext(t), Spec{Definition: definitions(t)[gateway], Profile: "php", Lanes: lanes, Place: PlaceContainer, Engine: e, Network: n})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped(t, r.Stop) })
	return r, b
}

// ask gives the status, the provenance and the nonce of an answer.
func ask(t *testing.T, at netip.AddrPort, target string) (status int, endpoint, nonce string) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + at.String() + target)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Gatefault-Endpoint"), answer.Header.Get("Gatefault-Nonce")
}

func TestPHPAnswersBehindEveryGatewayThatSpeaksFastCGI(t *testing.T) {
	for name, d := range definitions(t) {
		if d.Lacks("php") != "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r, b := startPHP(t, name, "default", "little-memory")
			if !strings.HasPrefix(b.Version(), "8.") || b.Title() != "PHP-FPM" {
				t.Errorf("%s %s", b.Title(), b.Version())
			}
			for lane := range 2 {
				status, endpoint, nonce := ask(t, r.LaneAddr(lane), "/here/and/there?x=y")
				if status != 200 || endpoint != fmt.Sprint("test-", lane) || nonce != "/here/and/there?x=y" {
					t.Errorf("lane %d: status %d from %q to %q", lane, status, endpoint, nonce)
				}
			}
			if status, endpoint, _ := ask(t, r.LaneAddr(1), "/greedy"); status != 500 || endpoint != "test-1" {
				t.Errorf("beyond the memory limit: status %d from %q", status, endpoint)
			}
			findLine(t, b, "[pool test-1]", "Allowed memory size of 8388608 bytes exhausted")
		})
	}
}

func findLine(t *testing.T, b *RunningBackend, parts ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(testContext(t), 5*time.Second)
	defer cancel()
	_, err := b.Logs().Find(ctx, time.Time{}, func(text string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
	})
	if err != nil {
		t.Errorf("no log line has %q: %v; the log ends with %v", parts, err, b.Logs().Tail(5))
	}
}

func TestBackendStopsAndStartsAgainAtTheSameAddress(t *testing.T) {
	r, b := startPHP(t, "nginx", "service")
	if err := b.Resume(testContext(t)); err != nil {
		t.Errorf("resume while it runs: %v", err)
	}
	exit, err := b.Halt(testContext(t))
	if err != nil || exit.Code != 0 || exit.At.IsZero() || !strings.Contains(exit.Last, "bye-bye") {
		t.Errorf("halt: %+v, %v", exit, err)
	}
	if status, _, _ := ask(t, r.LaneAddr(0), "/"); status != 502 {
		t.Errorf("status %d while it is stopped", status)
	}
	if err := b.Resume(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if status, endpoint, _ := ask(t, r.LaneAddr(0), "/"); status != 200 || endpoint != "test-0" {
		t.Errorf("status %d of %q after the start", status, endpoint)
	}
	findLine(t, b, "[pool test-0]", "begin /")
}

func TestBackendThatFailsSaysWhyAndLeavesNothing(t *testing.T) {
	e := testEngine(t)
	u := testUpstream(t, e, testNetwork(t, e))
	broken := *phpFPM(t)
	broken.Pools = map[string]Pool{"default": {Doc: "broken", Settings: map[string]string{"pm": "nonsense"}}}
	_, err := StartBackend(testContext(t), BackendSpec{Backend: &broken, Engine: e, Beside: u,
		Pools: []LanePool{{ID: "x", Pool: "default", Listen: netip.AddrPortFrom(u.Addr(), 21000)}}})
	var failed *StartError
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "nonsense") && !strings.Contains(err.Error(), "process manager") {
		t.Errorf("got %v", err)
	}
}
