package gateway

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/sandbox"
)

// openSandbox makes the machine of a gateway that is installed here, or skips the test, unless GATEFAULT_REQUIRE names sandboxes.
func openSandbox(t *testing.T, own *Own) *Sandbox {
	t.Helper()
	s, err := OpenSandbox(testContext(t), *own)
	if (errors.Is(err, ErrNoBinary) || errors.Is(err, sandbox.ErrForbidden)) && !strings.Contains(os.Getenv("GATEFAULT_REQUIRE"), "sandboxes") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped(t, s.Close) })
	own.Sandbox = s
	return s
}

// upstreamIn starts an upstream in a sandbox, beside the gateway or elsewhere.
func upstreamIn(t *testing.T, s *Sandbox, spec UpstreamSpec) *Upstream {
	t.Helper()
	spec.Token = "secret"
	u, err := s.Upstream(testContext(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped(t, u.Stop) })
	return u
}

// clientIn asks from inside a sandbox.
func clientIn(s *Sandbox, serverName string) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: s.Dial,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: serverName}}}
}

// askIn gives the status and the body that a client inside gets.
func askIn(t *testing.T, s *Sandbox, url, host string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	answer, err := clientIn(s, host).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// localOwn is a case on this machine's own programs.
func localOwn(t *testing.T, name string, c ownCase, program string) Own {
	t.Helper()
	own := c.own(t, nil, definitions(t)[name])
	own.Place, own.Program = PlaceLocal, program
	return own
}

func TestOwnConfigurationInASandbox(t *testing.T) {
	program := upstreamProgram(t)
	for name, c := range ownCases() {
		t.Run(name, func(t *testing.T) {
			own := localOwn(t, name, c, program)
			own.Hosts = map[string]netip.Addr{"app": sandbox.FarAddr}
			began := time.Now()
			s := openSandbox(t, &own)
			upstreamIn(t, s, UpstreamSpec{Binary: program})
			r := startOwn(t, own)
			t.Logf("%s %s ready after %s; %s", r.Title(), r.Version(), time.Since(began), strings.Join(r.Stands(), "\n"))
			status, body := askIn(t, s, "https://"+r.EntryAddr(443).String()+"/cell-0815", "shop.example.org")
			if status != http.StatusOK || body != "port 9001 secret" {
				t.Errorf("got %d %q; log: %v", status, body, r.Logs().Tail(10))
			}
			if err := r.Logs().Await(testContext(t), "cell-0815"); err != nil {
				t.Error(err)
			}
			stopped(t, r.Stop)
			stopped(t, r.Stop)
		})
	}
}

// onPort finds where a configuration of proxyTo says what it listens on.
var onPort = regexp.MustCompile(`(listen \S*|bind :*|(?m)^:|Listen )80\b( v6only)?`)

// The gateway's own port may be its upstream's as well, as long as that is elsewhere.
func TestUpstreamsInASandbox(t *testing.T) {
	program := upstreamProgram(t)
	for to, beside := range map[string]bool{"app:9003": false, "10.20.30.40:9003": false, "[2001:db8::7]:9003": false, "127.0.0.1:9004": true, "unix:/run/app/app.sock": true} {
		for name, c := range proxyTo(to) {
			t.Run(name+" to "+to, func(t *testing.T) {
				port := uint16(9003)
				if beside {
					port = 8003
				}
				for file, text := range c.files {
					c.files[file] = onPort.ReplaceAllString(text, fmt.Sprintf("${1}%d$2", port))
				}
				own := localOwn(t, name, c, program)
				own.Config.Entries, own.Config.Routes = []config.Entry{{Port: port}}, nil
				own.Hosts = map[string]netip.Addr{"app": sandbox.SpareFar(0)}
				spec := UpstreamSpec{Binary: program}
				if socket, is := strings.CutPrefix(to, "unix:"); is {
					own.Sockets = map[string]*Volume{filepath.Dir(socket): nil}
					spec.Env = map[string]string{"SOCKET": socket}
				}
				s := openSandbox(t, &own)
				if beside {
					spec.Beside = &Running{}
				}
				u := upstreamIn(t, s, spec)
				if !beside {
					addrs := []netip.Addr{sandbox.SpareFar(0), netip.MustParseAddr("10.20.30.40"), netip.MustParseAddr("2001:db8::7")}
					if err := u.Take(testContext(t), nil, addrs...); err != nil {
						t.Fatal(err)
					}
				}
				r := startOwn(t, own)
				status, body := askIn(t, s, "http://"+r.EntryAddr(port).String()+"/", "localhost")
				if status != http.StatusOK || !strings.HasPrefix(body, "port ") {
					t.Errorf("got %d %q; log: %v", status, body, r.Logs().Tail(10))
				}
			})
		}
	}
}

func TestBrokenOwnConfigurationInASandbox(t *testing.T) {
	for name, c := range ownCases() {
		t.Run(name, func(t *testing.T) {
			lines := strings.Split(c.files[c.main], "\n")
			lines[2] = c.broken
			c.files[c.main] = strings.Join(lines, "\n")
			own := localOwn(t, name, c, "")
			own.Hosts = map[string]netip.Addr{"app": sandbox.FarAddr}
			words := strings.ReplaceAll(c.words, "FILE", filepath.Join(own.Source.Path, c.main))
			openSandbox(t, &own)
			assertRefused(t, CheckOwn(testContext(t), own), words)
			_, err := StartOwn(testContext(t), own)
			assertRefused(t, err, words)
		})
	}
}

func TestGoodOwnConfigurationPassesTheCheckInASandbox(t *testing.T) {
	for name, c := range ownCases() {
		t.Run(name, func(t *testing.T) {
			own := localOwn(t, name, c, "")
			own.Hosts = map[string]netip.Addr{"app": sandbox.FarAddr}
			openSandbox(t, &own)
			if err := CheckOwn(testContext(t), own); err != nil {
				t.Error(err)
			}
		})
	}
}

// What only root can do is told before anything is started.
func TestRootOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte("global\n  chroot /var/lib/haproxy\n  user haproxy\n  uid 99\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	own := Own{Definition: definitions(t)["haproxy"], Config: &config.Config{Read: []string{file}}, Place: PlaceLocal}
	err := own.rootOnly()
	if os.Geteuid() == 0 {
		if err != nil {
			t.Error(err)
		}
		return
	}
	if err == nil || !strings.HasPrefix(err.Error(), file+`:4: "uid 99" takes root here`) {
		t.Error(err)
	}
}

func TestSandboxWithoutTheProductsProgram(t *testing.T) {
	own := localOwn(t, "caddy", ownCases()["caddy"], "")
	missing := *own.Definition
	missing.Binaries = []string{"no-such-gateway"}
	own.Definition = &missing
	_, err := OpenSandbox(testContext(t), own)
	if !errors.Is(err, ErrNoBinary) || !strings.HasSuffix(err.Error(), "is not installed: install it, name its program with --binary, or let a Docker engine answer") {
		t.Error(err)
	}
	own.Binary = "/no/such/caddy"
	if _, err := OpenSandbox(testContext(t), own); !errors.Is(err, ErrNoBinary) || !strings.Contains(err.Error(), "/no/such/caddy is no program") {
		t.Error(err)
	}
}
