package gateway

import (
	"archive/tar"
	"bytes"
	"context"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

// derive makes an image of ours into one such as users have: with further files, an environment and an account.
func derive(t *testing.T, e *Engine, from, tag string, files map[string]string, changes ...string) {
	t.Helper()
	var folder bytes.Buffer
	archive := tar.NewWriter(&folder)
	dockerfile := "FROM " + from + "\n"
	for name, text := range files {
		dockerfile += "COPY files" + name + " " + name + "\n"
		add(t, archive, "files"+name, text)
	}
	add(t, archive, "Dockerfile", dockerfile+strings.Join(changes, "\n")+"\n")
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	answer, err := e.docker.ImageBuild(testContext(t), &folder, client.ImageBuildOptions{Tags: []string{tag}, Remove: true, ForceRemove: true})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := drainMessages(answer.Body); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := e.docker.ImageRemove(context.Background(), tag, client.ImageRemoveOptions{PruneChildren: true}); err != nil {
			t.Error(err)
		}
	})
}

func add(t *testing.T, archive *tar.Writer, name, text string) {
	t.Helper()
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// An image of the user's own: nobody in it is root, it has sites that are not the user's, and a trusted authority.
func TestUsersOwnImage(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	d := definitions(t)["nginx"]
	image, err := e.Image(testContext(t), d, "")
	if err != nil {
		t.Fatal(err)
	}
	const tag = "gatefault-test/unprivileged:1"
	derive(t, e, image.Ref, tag, map[string]string{
		"/etc/nginx/conf.d/default.conf":     "server { listen 8080 default_server; return 418; }\n",
		"/etc/nginx/snippets/shipped.conf":   "proxy_set_header X-Shipped 1;\n",
		"/etc/ssl/certs/ca-certificates.crt": "# the image's own\n",
		"/etc/ssl/site.pem":                  "the image's\n",
	}, "USER www-data", "ENV NGINX_VERSION=1.26.3", `HEALTHCHECK CMD ["/no/such/shell"]`)
	u := testUpstream(t, e, n)
	c := ownCase{main: "nginx.conf", files: map[string]string{
		"nginx.conf":      "pid /tmp/nginx.pid;\nevents {}\nhttp { client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c; uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e;\n include conf.d/*.conf; }\n",
		"conf.d/own.conf": "server { listen 8080; access_log /var/log/nginx/own.log; location / { include snippets/shipped.conf; proxy_pass http://app:9001; } }\n",
	}}
	own := c.own(t, e, d)
	if err := os.Chmod(filepath.Join(own.Source.Path, "nginx.conf"), 0o600); err != nil {
		t.Fatal(err)
	}
	own.Image, own.Network, own.Hosts = tag, n, map[string]netip.Addr{"app": u.Addr()}
	if own.Authority, err = otherAuthority(); err != nil {
		t.Fatal(err)
	}
	r := startOwn(t, own)
	if status, body := get(t, netip.AddrPortFrom(r.Addr(), 8080), "/cell-1"); status != http.StatusOK || body != "port 9001 secret" {
		t.Errorf("got %d %q: not the user's site", status, body)
	}
	if err := r.Logs().Await(testContext(t), "cell-1"); err != nil {
		t.Error(err)
	}
	bundle, err := e.fetch(testContext(t), r.box.id, systemBundle, 1)
	if err != nil || !bytes.HasPrefix(bundle, []byte("# the image's own\n")) || !bytes.HasSuffix(bundle, own.Authority) {
		t.Errorf("the system trusts %q, %v", bundle, err)
	}
}

// The official images keep the configuration elsewhere.
func TestLayoutIsTheImages(t *testing.T) {
	e := testEngine(t)
	for _, c := range []struct {
		product, variable string
		want              Layout
	}{
		{"haproxy", "HAPROXY_VERSION=3.2.6", Layout{"/usr/local/etc/haproxy", "haproxy.cfg", "3.2.6"}},
		{"apache", "HTTPD_PREFIX=/usr/local/apache2", Layout{"/usr/local/apache2/conf", "httpd.conf", ""}},
		{"caddy", "CADDY_VERSION=v2.11.0", Layout{"/etc/caddy", "Caddyfile", "2.11.0"}},
		{"nginx", "NGINX_VERSION=1.30.0", Layout{"/etc/nginx", "nginx.conf", "1.30.0"}},
	} {
		t.Run(c.product, func(t *testing.T) {
			d := definitions(t)[c.product]
			image, err := e.Image(testContext(t), d, "")
			if err != nil {
				t.Fatal(err)
			}
			tag := "gatefault-test/official-" + c.product + ":1"
			derive(t, e, image.Ref, tag, nil, "ENV "+c.variable)
			if got, err := d.OwnLayout(testContext(t), e, tag); got != c.want || err != nil {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
			want := Layout{Home: d.Own.Home, Main: d.Own.Main}
			if got, err := d.OwnLayout(testContext(t), nil, ""); got != want || err != nil {
				t.Errorf("without an engine: %+v, %v, want %+v", got, err, want)
			}
		})
	}
}
