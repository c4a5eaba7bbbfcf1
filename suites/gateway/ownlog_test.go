package gateway

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/sandbox"
)

// A gateway that logs to the system's log server, of which an image has none, is heard; and entries at addresses that a container
// does not have keep none from starting.
func TestOwnConfigurationWithSyslog(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	for name, c := range syslogCases() {
		t.Run(name, func(t *testing.T) {
			own := c.own(t, e, definitions(t)[c.product])
			own.Network, own.Hosts, own.Tools = n, map[string]netip.Addr{"app": u.Addr()}, testTools(t, e)
			r := startOwn(t, own)
			if status, body := get(t, netip.AddrPortFrom(r.Addr(), 80), "/cell-4711"); status != http.StatusOK {
				t.Errorf("got %d %q", status, body)
			}
			if err := r.Logs().Await(testContext(t), "cell-4711"); err != nil {
				t.Error(err, r.Logs().Tail(5))
			}
		})
	}
}

func TestOwnConfigurationWithSyslogInASandbox(t *testing.T) {
	program := upstreamProgram(t)
	for name, c := range syslogCases() {
		t.Run(name, func(t *testing.T) {
			own := localOwn(t, c.product, c.ownCase, program)
			own.Config.Entries, own.Config.Routes = []config.Entry{{Port: 80}}, nil
			own.Hosts = map[string]netip.Addr{"app": sandbox.FarAddr}
			s := openSandbox(t, &own)
			upstreamIn(t, s, UpstreamSpec{Binary: program})
			r := startOwn(t, own)
			if status, body := askIn(t, s, "http://"+r.EntryAddr(80).String()+"/cell-4711", "localhost"); status != http.StatusOK {
				t.Errorf("got %d %q", status, body)
			}
			if err := r.Logs().Await(testContext(t), "cell-4711"); err != nil {
				t.Error(err, r.Logs().Tail(5))
			}
		})
	}
}

// productCase is a configuration of one product.
type productCase struct {
	ownCase
	product string
}

func syslogCases() map[string]productCase {
	haproxy := func(log string) map[string]string {
		return map[string]string{"haproxy.cfg": "global\n " + log + "\n chroot /var/lib/haproxy\n user haproxy\ndefaults\n log global\n mode http\n option httplog\n" +
			" timeout connect 5s\n timeout client 5s\n timeout server 5s\nfrontend f\n bind :80\n bind 127.0.0.1:81\n bind 10.9.9.9:82\n default_backend b\nbackend b\n server s app:9001\n"}
	}
	cases := map[string]productCase{}
	for name, c := range map[string]struct {
		product string
		files   map[string]string
	}{
		"socket":             {"haproxy", haproxy("log /dev/log local0")},
		"port":               {"haproxy", haproxy("log 127.0.0.1 local0")},
		"a machine's name":   {"haproxy", haproxy("log loghost:514 local0 info")},
		"nginx":              {"nginx", map[string]string{"nginx.conf": "events {}\nhttp { access_log syslog:server=unix:/dev/log; server { listen 80; location / { proxy_pass http://app:9001; } } }\n"}},
		"standard output":    {"haproxy", haproxy("log stdout format raw local0")},
		"nginx and a server": {"nginx", map[string]string{"nginx.conf": "events {}\nhttp { access_log syslog:server=loghost; server { listen 80; listen 10.9.9.9:81; location / { proxy_pass http://app:9001; } } }\n"}},
	} {
		cases[name] = productCase{ownCase{files: c.files, main: proxyTo("")[c.product].main}, c.product}
	}
	return cases
}
