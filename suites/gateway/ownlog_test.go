package gateway

import (
	"net/http"
	"net/netip"
	"testing"
)

// A gateway that logs to the system's log server, of which an image has none, is heard; and entries at addresses that a container
// does not have keep none from starting.
func TestOwnConfigurationWithSyslog(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	haproxy := func(log string) map[string]string {
		return map[string]string{"haproxy.cfg": "global\n " + log + "\n chroot /var/lib/haproxy\n user haproxy\ndefaults\n log global\n mode http\n option httplog\n" +
			" timeout connect 5s\n timeout client 5s\n timeout server 5s\nfrontend f\n bind :80\n bind 127.0.0.1:81\n bind 10.9.9.9:82\n default_backend b\nbackend b\n server s app:9001\n"}
	}
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
		t.Run(name, func(t *testing.T) {
			own := ownCase{files: c.files, main: proxyTo("")[c.product].main}.own(t, e, definitions(t)[c.product])
			own.Network, own.Hosts, own.Program = n, map[string]netip.Addr{"app": u.Addr()}, upstreamProgram(t)
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
