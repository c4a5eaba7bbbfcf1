package upstream_test

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/process"
)

// knock asks over the endpoint's unix socket, as a program whom file permissions bind.
func knock(socket string) (answer string, err error) {
	err = process.Bound(func() error {
		c, err := net.Dial("unix", socket)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := io.WriteString(c, strings.Replace(get, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)); err != nil {
			return err
		}
		b, err := io.ReadAll(c)
		answer = string(b)
		return err
	})
	return answer, err
}

func TestUnixFaults(t *testing.T) {
	for name, want := range map[string]error{
		"unix.missing":    syscall.ENOENT,
		"unix.permission": syscall.EACCES,
		"unix.refused":    syscall.ECONNREFUSED,
		"unix.backlog":    syscall.EAGAIN,
	} {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "app.sock")
			up, ep := start(t, upstream.EndpointConfig{Socket: socket})
			for range 2 {
				setPlan(t, ep, upstream.Rule{Fault: name})
				if _, err := knock(socket); !errors.Is(err, want) {
					t.Errorf("connect: %v, want %v", err, want)
				}
				if err := ep.Clear(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got, err := knock(socket); err != nil || !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") {
					t.Errorf("after the fault: %q, %v", got, err)
				}
			}
			events := up.Journal().After(0, upstream.Filter{Kind: upstream.Verified}, 10).Events
			if len(events) != 4 || events[0].Fault != name || !strings.Contains(events[0].Detail, want.Error()) {
				t.Errorf("verified: %+v", events)
			}
		})
	}
}

func TestUnixFaultsNeedASocket(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	err := ep.SetPlan(t.Context(), upstream.Plan{Rules: []upstream.Rule{{Fault: "unix.missing"}}}, upstream.Keep)
	if !errors.Is(err, upstream.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}

// PHP-FPM listens on sockets, and not all are called .sock.
func TestSocketOfFastCGI(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "php-fpm")
	_, ep := start(t, upstream.EndpointConfig{Protocol: upstream.FastCGI, Socket: socket})
	for _, status := range []string{"200", "503"} {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(fcgiRequest(1, false, fcgiGet, ""))
		if got := fcgiTells(c); !strings.Contains(got[0], "Status: "+status) {
			t.Errorf("%q", got)
		}
		_ = c.Close()
		setPlan(t, ep, upstream.Rule{Fault: "app.503"})
	}
}

// What leaves in one packet over TCP leaves in one write here: who reads gets all of it, and then the end.
func TestEarlyFaultsComeInOneWrite(t *testing.T) {
	for name, rest := range map[string]int{"body.truncate-early": 512, "body.bad-chunk-early": len("zz\r\nnot a chunk\r\n")} {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "app.sock")
			_, ep := start(t, upstream.EndpointConfig{Socket: socket})
			setPlan(t, ep, upstream.Rule{Fault: name})
			c, err := net.Dial("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, _ = io.WriteString(c, keepGet)
			buf := make([]byte, 16<<10)
			n, err := c.Read(buf)
			if _, body, _ := strings.Cut(string(buf[:n]), "\r\n\r\n"); err != nil || len(body) != rest {
				t.Errorf("the first read has %d bytes of the body, want %d, %v", len(body), rest, err)
			}
			if n, err := c.Read(buf); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("then come %d bytes, %v, want the end", n, err)
			}
		})
	}
}

func TestSocketPathsAreChecked(t *testing.T) {
	for _, path := range []string{"app.sock", "/tmp/../app.sock", "/tmp/app/", "/", "/" + strings.Repeat("x", 100) + ".sock"} {
		if err := (upstream.EndpointConfig{Address: "127.0.0.1:0", Socket: path}).Validate(); err == nil {
			t.Errorf("%s was taken", path)
		}
	}
}
