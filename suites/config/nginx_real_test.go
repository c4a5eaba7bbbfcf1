package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// realNginx starts the nginx of this machine with a configuration whose upstreams are addresses of 127.0.0.0/8, all with one
// port, where each answers with its own address.
func realNginx(t *testing.T, text string) (file string) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("there is no nginx on this machine")
	}
	dir := t.TempDir()
	file = filepath.Join(dir, "nginx.conf")
	head := fmt.Sprintf("daemon off; master_process off; pid %s/pid; error_log %s/error.log;\n", dir, dir)
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		text = strings.Replace(text, "http {\n", fmt.Sprintf("http {\n%s_temp_path %s/%s;\n", name, dir, name), 1)
	}
	text = strings.Replace(text, "http {\n", "http {\naccess_log off;\n", 1)
	if err := os.WriteFile(file, []byte(head+text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var said strings.Builder
	nginx := exec.CommandContext(ctx, program, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", file)
	nginx.Stderr = &said
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = nginx.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	return file
}

// echo answers with the address that it was reached at. It listens on every address of 127.0.0.0/8.
func echo(t *testing.T) (port int) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.Context().Value(http.LocalAddrContextKey).(net.Addr).String())
		_, _ = io.WriteString(w, host)
	}))
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return listener.Addr().(*net.TCPAddr).Port
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// ask sends a request to nginx and tells who answered; nobody, if nginx itself did.
func ask(t *testing.T, port int, host, method, target string, fields map[string]string) string {
	t.Helper()
	request, err := http.NewRequest(method, fmt.Sprintf("http://127.0.0.1:%d%s", port, target), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	for name, value := range fields {
		request.Header.Set(name, value)
	}
	var response *http.Response
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if response, err = http.DefaultTransport.RoundTrip(request); err == nil || time.Now().After(end) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

// TestNginxGoesWhereWeSay makes each request that was found for a route, and nginx passes it to the server that we say.
func TestNginxGoesWhereWeSay(t *testing.T) {
	for _, name := range []string{"rewrites", "maps", "documents", "conditions"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata/nginx", name, "nginx.conf"))
			if err != nil {
				t.Fatal(err)
			}
			c, err := Read("nginx", Source{Path: realNginx(t, onLoopback(t, string(text))), Home: "/etc/nginx"})
			if err != nil {
				t.Fatal(err)
			}
			makeUses(t, c)
			for _, r := range c.Routes {
				entry, servers := c.Entries[r.Entry], c.Groups[r.Group].Servers
				if r.Needs != "" || entry.ProxyProtocol || servers[0].Kind() == Name {
					continue
				}
				method := r.Method
				if method == "" {
					method = http.MethodGet
				}
				if got := ask(t, int(entry.Port), r.Host, method, r.Path, r.Headers); got != servers[0].Host && got != servers[len(servers)-1].Host {
					t.Errorf("%s %s%s %v goes to %q, not to %s (%s)", method, r.Host, r.Path, r.Headers, got, servers[0].Key(), r.At)
				}
			}
		})
	}
}

// makeUses makes the folders and files that a configuration names, as they are made for a gateway whose user did not bring them.
func makeUses(t *testing.T, c *Config) {
	t.Helper()
	for _, use := range c.Uses {
		if !strings.HasPrefix(use.Path, os.TempDir()) {
			continue
		}
		var err error
		switch use.Role {
		case Folder:
			err = os.MkdirAll(use.Path, 0o755)
		case Data:
			err = errors.Join(os.MkdirAll(filepath.Dir(use.Path), 0o755), os.WriteFile(use.Path, nil, 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

var (
	testName   = regexp.MustCompile(`\b[a-z][a-z0-9]*:(80|8080|9000)\b`)
	testListen = regexp.MustCompile(`(listen (?:127\.0\.0\.1:)?|http://127\.0\.0\.1:)(80\d*)\b`)
)

// onLoopback gives each name of a configuration an address of its own, and its entries free ports.
func onLoopback(t *testing.T, text string) string {
	t.Helper()
	port, names, ports := echo(t), map[string]string{}, map[string]int{}
	text = strings.ReplaceAll(text, "/srv/", t.TempDir()+"/")
	text = testListen.ReplaceAllStringFunc(text, func(found string) string {
		parts := testListen.FindStringSubmatch(found)
		if ports[parts[2]] == 0 {
			ports[parts[2]] = freePort(t)
		}
		return fmt.Sprint(parts[1], ports[parts[2]])
	})
	return testName.ReplaceAllStringFunc(text, func(name string) string {
		if names[name] == "" {
			names[name] = fmt.Sprintf("127.1.0.%d:%d", len(names)+1, port)
		}
		return names[name]
	})
}

// TestNginxLocations compares where nginx takes requests among locations made by chance with where we say that it does.
func TestNginxLocations(t *testing.T) {
	const servers, requests = 30, 30
	random := rand.New(rand.NewPCG(1, 2))
	backend, port := echo(t), freePort(t)
	var b strings.Builder
	b.WriteString("events {}\nhttp {\n")
	for i := range servers {
		fmt.Fprintf(&b, "server {\nlisten %d;\nserver_name s%d.test;\nroot /nonexistent;\n%s}\n", port, i, randomLocations(random, backend, 0))
	}
	b.WriteString("}\n")
	file := realNginx(t, b.String())
	files := open(t, Source{Path: file, Home: "/etc/nginx"})
	top := parseNginx(t, b.String())
	h := newNginxHTTP(files, Source{Home: "/etc/nginx"}, top)
	for i := range servers {
		for range requests {
			path, host := randomPath(random), fmt.Sprintf("s%d.test", i)
			want := ""
			if w, pass, ok := h.walk(nginxRequest{host: host, method: "GET", path: path}, false); ok {
				if group, known := w.group(pass); known {
					want = group.Servers[0].Host
				}
			}
			if got := ask(t, port, host, "GET", path, nil); got != want {
				t.Errorf("%s%s goes to %q, we say %q: %s", host, path, got, want, file)
			}
		}
	}
}

var segments = []string{"a", "b", "ab", "c.php", "d.json"}

func randomPath(random *rand.Rand) string {
	path := ""
	for range 1 + random.IntN(3) {
		path += "/" + segments[random.IntN(len(segments))]
	}
	return path + []string{"", "/"}[random.IntN(2)]
}

// randomLocations writes locations that pass requests on, rewrite, try files, answer themselves, or have others in them.
func randomLocations(random *rand.Rand, port, depth int) string {
	var b strings.Builder
	used := map[string]bool{}
	named := random.IntN(3) == 0 && depth == 0
	if named {
		fmt.Fprintf(&b, "location @named { %s }\n", randomPass(random, port))
	}
	for range 1 + random.IntN(5) {
		head := randomHead(random)
		plain := strings.TrimPrefix(head, "^~ ")
		if used[plain] || depth > 0 && !strings.HasPrefix(head, "~") {
			continue
		}
		used[plain] = true
		body := randomPass(random, port)
		switch random.IntN(10) {
		case 0:
			body = "rewrite ^/(a|b)/(.*)$ /$2 last;" + body
		case 1:
			body = "rewrite ^/a(.*)$ /b$1 break;" + body
		case 2:
			body = "return 404;"
		case 3:
			body = "if ($uri ~ b$) { " + body + " }\n" + randomPass(random, port)
		case 4:
			body = "try_files $uri /ab/b;"
		case 5:
			body = "rewrite b /ab;" + body
		case 6:
			if named {
				body = "try_files $uri $uri/ @named;"
			}
		}
		if depth < 2 && random.IntN(3) == 0 && !strings.HasPrefix(head, "=") {
			body += "\n" + randomLocations(random, port, depth+1)
		}
		fmt.Fprintf(&b, "location %s {\n%s\n}\n", head, body)
	}
	return b.String()
}

func randomHead(random *rand.Rand) string {
	path := randomPath(random)
	switch random.IntN(6) {
	case 0:
		return "= " + path
	case 1:
		return "^~ " + path
	case 2:
		return []string{`~ \.php$`, `~* \.JSON`, "~ ^/a", "~ b/", "~ ^/(?!a)", "~ ^/[^/]+/b"}[random.IntN(6)]
	}
	return path
}

func randomPass(random *rand.Rand, port int) string {
	return fmt.Sprintf("proxy_pass http://127.%d.%d.%d:%d;", 2+random.IntN(50), random.IntN(250), 1+random.IntN(250), port)
}
