package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/gatefault/gatefault/suites/config"
)

// fingerprint is all that can be told of a folder's files without reading their access times.
func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var text []byte
		if info.Mode().IsRegular() {
			text, err = os.ReadFile(file)
		}
		fmt.Fprintf(&all, "%s %s %s %q\n", file, info.Mode(), info.ModTime().Format(time.RFC3339Nano), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestNothingOfTheUsersIsWrittenTo(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	for name, c := range ownCases() {
		t.Run(name, func(t *testing.T) {
			// What the product writes to lies within what the user brings.
			c.files["logs/old.log"], c.files["cache/.keep"] = "old\n", ""
			own := c.own(t, e, definitions(t)[name])
			own.Network, own.Hosts = n, map[string]netip.Addr{"app": netip.MustParseAddr("192.0.2.1")}
			home := own.Source.Home
			own.Config.Uses = append(own.Config.Uses, config.Use{Path: home + "/logs/old.log", Role: config.Log, Found: true},
				config.Use{Path: home + "/cache", Role: config.Folder, Found: true})
			before := fingerprint(t, own.Source.Path)
			r, err := StartOwn(testContext(t), own)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = getTLS(t, r.Addr(), "shop.example.org", "/")
			stopped(t, r.Stop)
			if after := fingerprint(t, own.Source.Path); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// refusedCase is what a user did wrong and the sentence that tells.
type refusedCase struct {
	product string
	files   map[string]string
	change  func(*Own)
	want    []string
}

func refusedCases() map[string]refusedCase {
	nginx := func(text string) map[string]string { return map[string]string{"nginx.conf": "events {}\n" + text} }
	return map[string]refusedCase{
		"upstream not declared": {"nginx", nginx("http { server { listen 80; location / { proxy_pass http://backend:8080; } } }\n"), nil,
			[]string{`host not found in upstream "backend" in`, "nginx.conf:2", "no upstream named backend was declared"}},
		"group not declared": {"nginx", nginx("http { upstream app { server one:80;\n server backend:8080; } server { listen 80; location / { proxy_pass http://app; } } }\n"),
			func(o *Own) { o.Hosts = map[string]netip.Addr{"one": netip.MustParseAddr("192.0.2.1")} },
			[]string{"nginx.conf:3", "no upstream named backend was declared"}},
		"HAProxy's upstream not declared": {"haproxy", proxyTo("backend:80")["haproxy"].files, nil, []string{"haproxy.cfg:", "no upstream named backend was declared"}},
		"module": {"nginx", map[string]string{"nginx.conf": "\nload_module modules/ngx_http_none_module.so;\nevents {}\nhttp { server { listen 80; } }\n"}, nil,
			[]string{"nginx.conf:2", "the image has no module", "name the image that you run"}},
		"module of a dead link": {"nginx", map[string]string{"nginx.conf": "include /etc/nginx/modules-enabled/*.conf;\nevents {}\nhttp { server { listen 80; } }\n",
			"modules-enabled/50-none.conf": "-> /usr/share/nginx/modules-available/none.conf"}, nil,
			[]string{"nginx.conf:1", "the image has no module of /etc/nginx/modules-enabled/50-none.conf; name the image that you run with --image"}},
		"Apache's module": {"apache", map[string]string{"apache2.conf": "Listen 80\nLoadModule none_module modules/mod_none.so\n"}, nil,
			[]string{"apache2.conf", "the image has no module modules/mod_none.so; name the image that you run with --image"}},
		"loopback alone":    {"nginx", nginx("http { server { listen 127.0.0.1:80; } }\n"), nil, []string{"nginx.conf:2: the gateway listens on 127.0.0.1 alone", "let it listen on port 80 of every address"}},
		"another's address": {"nginx", nginx("http {\n server { listen 10.9.9.9:81; } }\n"), nil, []string{"nginx.conf:3: the gateway listens on 10.9.9.9 alone, an address that the gateway does not have here"}},
		"no port":           {"nginx", nginx("http {}\n"), nil, []string{"listens on no port"}},
		"include missing":   {"nginx", nginx("http { include sites/a.conf; server { listen 80; } }\n"), nil, []string{`open() "/etc/nginx/sites/a.conf" failed`}},
		"too much": {"nginx", nginx("http { server { listen 80; } }\n"), func(o *Own) {
			if err := os.WriteFile(filepath.Join(o.Source.Path, "backup.tar"), nil, 0o644); err == nil {
				_ = os.Truncate(filepath.Join(o.Source.Path, "backup.tar"), maxOwnBytes+1)
			}
		}, []string{"holds more than 256 MB: give the folder of the configuration alone"}},
	}
}

func TestOwnConfigurationsThatCannotStart(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	for name, c := range refusedCases() {
		t.Run(name, func(t *testing.T) {
			own := ownCase{files: c.files, main: proxyTo("")[c.product].main}.own(t, e, definitions(t)[c.product])
			own.Network = n
			if c.change != nil {
				c.change(&own)
			}
			_, err := StartOwn(testContext(t), own)
			if err == nil {
				t.Fatal("it started")
			}
			t.Log(err)
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, which does not say %q", err, want)
				}
			}
		})
	}
	assertNothingLeft(t, e, "gateway")
}

// Wherever the start of a user's gateway, or what sets its network, is interrupted, nothing is left.
func TestInterruptedOwnStartLeavesNothing(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	own := proxyTo("10.0.0.9:80")["haproxy"].own(t, e, definitions(t)["haproxy"])
	own.Network, own.Program = n, upstreamProgram(t)
	if _, err := e.UpstreamImage(testContext(t), own.Program); err != nil {
		t.Fatal(err)
	}
	r := startOwn(t, own)
	interrupted := 0
	for patience := time.Duration(0); patience <= 600*time.Millisecond; patience += 60 * time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := r.Reach(ctx, netip.MustParseAddr("10.0.0.9")); errors.Is(err, context.DeadlineExceeded) {
			interrupted++
		} else if err != nil {
			t.Errorf("after %s: %v", patience, err)
		}
		cancel()
		assertNothingLeft(t, e, "route")
	}
	if interrupted == 0 {
		t.Error("no setting of routes was interrupted")
	}
	stopped(t, r.Stop)
	interruptAtEveryStage(t, e, "gateway", func(ctx context.Context) (func(context.Context) error, error) {
		r, err := StartOwn(ctx, own)
		if err != nil {
			return nil, err
		}
		return r.Stop, nil
	})
	volumes, err := e.docker.VolumeList(testContext(t), client.VolumeListOptions{Filters: make(client.Filters).Add("label", labelOwner+"="+e.owner.String())})
	if err != nil || len(volumes.Items) != 0 {
		t.Errorf("%d volumes are left, %v", len(volumes.Items), err)
	}
}
