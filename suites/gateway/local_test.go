package gateway

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// localDefinitions are the gateways whose program is installed here.
func localDefinitions(t *testing.T) map[string]*Definition {
	t.Helper()
	installed := map[string]*Definition{}
	for name, d := range definitions(t) {
		if d.Embedded {
			continue
		}
		if _, err := FindBinary(d); err != nil {
			t.Log(err)
			continue
		}
		installed[name] = d
	}
	if len(installed) == 0 {
		t.Skip("no gateway program is installed here")
	}
	return installed
}

func TestLocalProcessesServeEveryProfile(t *testing.T) {
	lanes := loopbackUpstreams(t, 3)
	for name, d := range localDefinitions(t) {
		for _, profile := range d.ProfileNames() {
			t.Run(name+"/"+profile, func(t *testing.T) {
				began := time.Now()
				spec := Spec{Definition: d, Profile: profile, Lanes: lanes, Place: PlaceLocal}
				skipLacking(t, spec)
				plain := prepare(t, &spec)
				r, err := Start(testContext(t), spec)
				if errors.Is(err, ErrLacks) {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%s %s (%s): ready after %.2f s", r.Title(), r.Version(), r.Image(), time.Since(began).Seconds())
				if plain {
					proveLanes(t, r, upstreamAnswer)
				}
				stopped(t, r.Stop)
				stopped(t, r.Stop)
			})
		}
	}
	assertNoScratch(t)
}

func upstreamAnswer(lane int) string { return "upstream " + string(rune('0'+lane)) }

func assertNoScratch(t *testing.T) {
	t.Helper()
	self, err := currentOwner()
	if err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+self.String()+"*"))
	if err != nil || len(left) != 0 {
		t.Errorf("folders left: %v, %v", left, err)
	}
}

func TestEveryProfilePassesTheProductsOwnCheck(t *testing.T) {
	for name, d := range localDefinitions(t) {
		for _, profile := range d.ProfileNames() {
			t.Run(name+"/"+profile, func(t *testing.T) {
				spec := Spec{Definition: d, Profile: profile, Place: PlaceLocal, Lanes: loopbackUpstreams(t, 2)}
				skipLacking(t, spec)
				prepare(t, &spec)
				if err := CheckConfig(testContext(t), spec); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestBrokenConfigurationOfALocalProcessShowsTheGatewaysWords(t *testing.T) {
	broken := brokenConfigurations()
	for name, d := range localDefinitions(t) {
		t.Run(name, func(t *testing.T) {
			spec := Spec{
				Definition: d, Profile: "plain", Place: PlaceLocal, Config: broken[name].text,
				Lanes: []Lane{{Upstream: netip.MustParseAddrPort("192.0.2.1:80")}},
			}
			_, err := Start(testContext(t), spec)
			assertStartError(t, err, broken[name].words)
			if err := CheckConfig(testContext(t), spec); err == nil {
				t.Error("the product's own check found nothing")
			}
		})
	}
	assertNoScratch(t)
}

func TestPortInUseIsToldByTheGateway(t *testing.T) {
	lanes := loopbackUpstreams(t, 1)
	lanes[0].Listen = lanes[0].Upstream.Port() // taken by the upstream itself
	for name, d := range localDefinitions(t) {
		t.Run(name, func(t *testing.T) {
			_, err := Start(testContext(t), Spec{Definition: d, Profile: "plain", Lanes: lanes, Place: PlaceLocal})
			assertStartError(t, err, "")
		})
	}
}

func TestMissingBinary(t *testing.T) {
	d := definitions(t)["nginx"]
	lanes := loopbackUpstreams(t, 1)
	_, err := Start(testContext(t), Spec{Definition: d, Profile: "plain", Lanes: lanes, Place: PlaceLocal, Binary: "/no/such/nginx"})
	if !errors.Is(err, ErrNoBinary) {
		t.Errorf("got %v, want ErrNoBinary", err)
	}
	_, err = FindBinary(&Definition{Name: "x", Binaries: []string{"no-such-gateway"}})
	if !errors.Is(err, ErrNoBinary) {
		t.Errorf("got %v, want ErrNoBinary", err)
	}
}

// The child of a killed gatefault must not live on. The test binary runs itself as the process to kill.
func TestLocalGatewayDiesWithItsOwner(t *testing.T) {
	if os.Getenv("GATEFAULT_TEST_OWNER") != "" {
		ownGatewayForever(t)
	}
	for name := range localDefinitions(t) {
		t.Run(name, func(t *testing.T) {
			pid := killOwner(t, name)
			awaitDeath(t, pid)
		})
	}
	swept, err := SweepFolders()
	if err != nil || swept.Folders == 0 {
		t.Errorf("swept %+v, %v", swept, err)
	}
}

// ownGatewayForever is the process to kill: it starts a gateway, prints the process group and waits.
func ownGatewayForever(t *testing.T) {
	d := definitions(t)[os.Getenv("GATEFAULT_TEST_OWNER")]
	logs := NewLogBook(d.Lane)
	spec := Spec{Definition: d, Profile: "plain", Lanes: loopbackUpstreams(t, 1), Place: PlaceLocal}
	spec.Lanes, _ = withFreePorts(spec.Lanes)
	binary, err := FindBinary(d)
	if err != nil {
		t.Fatal(err)
	}
	scratch, err := scratchFolder()
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := localCommand(spec, binary, scratch)
	if err != nil {
		t.Fatal(err)
	}
	child, err := startProcess(cmd, logs, false)
	if err != nil {
		t.Fatal(err)
	}
	lane := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), spec.Lanes[0].Listen)
	if err := awaitLane(t.Context(), lookTCP, lane); err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("group " + itoa(child.group) + "\n")
	select {}
}

func killOwner(t *testing.T, name string) (group int) {
	t.Helper()
	owner := exec.Command(os.Args[0], "-test.run=^TestLocalGatewayDiesWithItsOwner$")
	owner.Env = append(os.Environ(), "GATEFAULT_TEST_OWNER="+name)
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	group = scanGroup(t, out)
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // it was killed
	return group
}

// awaitDeath polls the process group: its end is no event that a stranger to the processes can await.
func awaitDeath(t *testing.T, group int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if err := syscall.Kill(-group, 0); errors.Is(err, syscall.ESRCH) {
			return
		}
		time.Sleep(pollEvery)
	}
	_ = syscall.Kill(-group, syscall.SIGKILL)
	t.Errorf("process group %d outlived its owner", group)
}

// plain opens a connection to the upstream for each request, keepalive one for all.
func TestProfilesPoolOrNot(t *testing.T) {
	for name, d := range localDefinitions(t) {
		for profile, want := range map[string]int32{"plain": 3, "keepalive": 1} {
			t.Run(name+"/"+profile, func(t *testing.T) {
				upstream, connections := countingUpstream(t)
				spec := Spec{Definition: d, Profile: profile, Place: PlaceLocal, Lanes: []Lane{{Upstream: upstream}}}
				r, err := Start(testContext(t), spec)
				if err != nil {
					t.Fatal(err)
				}
				defer stopped(t, r.Stop)
				for range 3 {
					get(t, r.LaneAddr(0), "/")
				}
				if got := connections.Load(); got != want {
					t.Errorf("%d connections for 3 requests, want %d", got, want)
				}
			})
		}
	}
}
