package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The programs that are measured have one core, and what asks them the other, so that neither takes time from the other and
// a ratio is one of the programs alone. Go programs that may use one core set GOMAXPROCS to 1 by themselves.
const (
	serverCore = "0"
	clientCore = "1"
)

// everyCore is what a run of gatefault may use.
func everyCore(ctx context.Context, program string, args ...string) *exec.Cmd {
	return pinned(ctx, serverCore+","+clientCore, program, args...)
}

// pinnedMark is set in the environment of the process that has its core already.
const pinnedMark = "GATEFAULT_BENCH_PINNED"

// stayOnClientCore starts this program again on the clients' core, where it is not yet.
func stayOnClientCore() error {
	if os.Getenv(pinnedMark) != "" {
		return nil
	}
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Setenv(pinnedMark, "1"); err != nil {
		return err
	}
	return syscall.Exec(taskset, append([]string{"taskset", "-c", clientCore, self}, os.Args[1:]...), os.Environ())
}

func pinned(ctx context.Context, core, program string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "taskset", append([]string{"-c", core, program}, args...)...)
}

// process is a program under way.
type process struct {
	cmd  *exec.Cmd
	logs bytes.Buffer
	done chan error
}

// launch starts a program on the servers' core; it ends with ctx or by stop.
func launch(ctx context.Context, program string, args ...string) (*process, error) {
	p := &process{cmd: pinned(ctx, serverCore, program, args...), done: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr = &p.logs, &p.logs
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.done <- p.cmd.Wait() }()
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.done
}

// ready waits until the program accepts connections.
func (p *process) ready(ctx context.Context, addr string) error {
	for {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return c.Close()
		}
		select {
		case err := <-p.done:
			p.done <- err
			return fmt.Errorf("%s ended: %w\n%s", p.cmd.Path, err, p.logs.Bytes())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// resident gives the resident memory of the process in bytes.
func (p *process) resident() (float64, error) {
	return residentOf(p.cmd.Process.Pid)
}

func residentOf(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("statm has no second field: %q", text)
	}
	pages, err := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize()), err
}

// freeAddress gives an address of loopback that nothing listens at.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func nginxProgram() string {
	if path, err := exec.LookPath("nginx"); err == nil {
		return path
	}
	return "/usr/sbin/nginx"
}

// server is a running peer.
type server struct {
	addr      string
	path      string // of what the row asks for
	processes []*process
	measured  *process // whose memory counts
	folder    string   // of its own; may be empty
	control   string   // of gatefault's API
}

func (s *server) stop() error {
	for _, p := range s.processes {
		p.stop()
	}
	if s.folder == "" {
		return nil
	}
	return os.RemoveAll(s.folder)
}

// add starts one of the server's programs, which listens at addr.
func (s *server) add(ctx context.Context, addr, program string, args ...string) error {
	p, err := launch(ctx, program, args...)
	if err != nil {
		return err
	}
	s.processes, s.measured, s.addr = append(s.processes, p), p, addr
	return p.ready(ctx, addr)
}

// peer is a server that gatefault is measured against, or gatefault itself.
type peer struct {
	name  string
	start func(ctx context.Context, b *bench, s *server, stalling bool) error
}

// run starts the peer, with f it is measured, and stops it.
func (p peer) run(ctx context.Context, b *bench, stalling bool, f func(*server) error) error {
	s := &server{path: "/"}
	if stalling {
		s.path = "/stall"
	}
	err := p.start(ctx, b, s, stalling)
	if err == nil {
		err = f(s)
	}
	if err = errors.Join(err, s.stop()); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// peers lists them. gatefault is the first.
func peers() []peer {
	return []peer{{"gatefault", startGatefault}, {"nginx", startNginx}, {"net/http", ofPeers("net/http")}, {"fasthttp", ofPeers("fasthttp")},
		{"go-httpbin", startHTTPBin}, {"toxiproxy", startToxiproxy}}
}

// startGatefault starts the upstream, healthy or with a plan that never answers.
func startGatefault(ctx context.Context, b *bench, s *server, stalling bool) error {
	args := []string(nil)
	if stalling {
		args = []string{"--fault", "head.slow", "--param", "delay=1h"}
	}
	return s.upstream(ctx, b, args...)
}

// upstream starts gatefault's upstream with an endpoint app.
func (s *server) upstream(ctx context.Context, b *bench, args ...string) error {
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	if s.control, err = freeAddress(); err != nil {
		return err
	}
	return s.add(ctx, addr, b.gatefault, append([]string{"upstream", "--listen", "app=" + addr, "--control", s.control}, args...)...)
}

// nginxConfig has one process, for there is one core, and serves a connection as long as the client likes. An answer of one
// byte a second is what nginx has for one that never comes.
const nginxConfig = `master_process off;
worker_rlimit_nofile 20000;
error_log stderr error;
pid %[1]s/nginx.pid;
daemon off;
events { worker_connections 19000; }
http {
	access_log off;
	keepalive_requests 1000000000;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]s backlog=4096;
		default_type text/plain;
		location / { return 200 "ok\n"; }
		location /stall { limit_rate 1; return 200 "%[3]s"; }
	}
}
`

func startNginx(ctx context.Context, _ *bench, s *server, _ bool) error {
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	if s.folder, err = os.MkdirTemp("", "gatefault-bench-"); err != nil {
		return err
	}
	config := filepath.Join(s.folder, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxConfig, s.folder, addr, strings.Repeat("x", 600)), 0o644); err != nil {
		return err
	}
	return s.add(ctx, addr, nginxProgram(), "-p", s.folder, "-c", config)
}

// ofPeers starts a server of the program peers.
func ofPeers(name string) func(context.Context, *bench, *server, bool) error {
	return func(ctx context.Context, b *bench, s *server, _ bool) error {
		addr, err := freeAddress()
		if err != nil {
			return err
		}
		return s.add(ctx, addr, filepath.Join(b.peers, "peers"), name, addr)
	}
}

func startHTTPBin(ctx context.Context, b *bench, s *server, stalling bool) error {
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(addr)
	s.path = "/status/200"
	if stalling {
		s.path = "/delay/3600"
	}
	return s.add(ctx, addr, filepath.Join(b.peers, "go-httpbin"), "-host", "127.0.0.1", "-port", port, "-max-duration", "2h", "-log-level", "ERROR")
}

// startToxiproxy starts it in front of net/http.
func startToxiproxy(ctx context.Context, b *bench, s *server, stalling bool) error {
	if err := ofPeers("net/http")(ctx, b, s, false); err != nil {
		return err
	}
	behind := s.addr
	api, err := freeAddress()
	if err != nil {
		return err
	}
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(api)
	if err := s.add(ctx, api, filepath.Join(b.peers, "toxiproxy"), "-host", "127.0.0.1", "-port", port); err != nil {
		return err
	}
	s.addr = addr
	if err := post(ctx, "http://"+api+"/proxies", fmt.Sprintf(`{"name":"app","listen":%q,"upstream":%q}`, addr, behind)); err != nil || !stalling {
		return err
	}
	return post(ctx, "http://"+api+"/proxies/app/toxics", `{"name":"stall","type":"timeout","stream":"upstream","attributes":{"timeout":0}}`)
}
