package upstream_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// sight is what a client sees of a fault.
type sight struct {
	params fault.Args
	prefix string
	has    string
	end    string
}

// onTheWire says what a client sees of each fault: the start of the bytes, a part of them, and how the connection ends.
var onTheWire = map[string]sight{
	"healthy":             {prefix: "HTTP/1.1 200 OK\r\n", has: "Gatefault-Nonce: ", end: "fin"},
	"tcp.accept-close":    {end: "fin"},
	"tcp.accept-reset":    {end: "rst"},
	"head.none":           {end: "fin"},
	"head.reset":          {end: "rst"},
	"head.slow":           {params: fault.Args{"delay": "50ms"}, prefix: "HTTP/1.1 200 OK\r\n", end: "fin"},
	"head.drip":           {params: fault.Args{"interval": "1ms"}, prefix: "HTTP/1.1 200 OK\r\n", has: "Drip: 0123", end: "fin"},
	"head.partial-status": {prefix: "HTTP/1.1 2", end: "fin"},
	"head.partial-fields": {prefix: "HTTP/1.1 200 OK\r\n", has: "X-Cut: he", end: "fin"},
	"head.garbage":        {prefix: "\x15\x03\x01", end: "fin"},
	"head.garbage-text":   {prefix: "ERROR: ", end: "fin"},
	"head.status-text":    {prefix: "HTTP/1.1 OK fine\r\n", end: "fin"},
	"head.huge-field":     {params: fault.Args{"size": "70000"}, prefix: "HTTP/1.1 200 OK\r\n", has: strings.Repeat("x", 70000), end: "fin"},
	"head.nul":            {prefix: "HTTP/1.1 200 OK\r\n", has: "a\x00b", end: "fin"},
	"head.length-conflict": {prefix: "HTTP/1.1 200 OK\r\n",
		has: "Content-Length: 3\r\nContent-Length: 5\r\n", end: "fin"},
	"head.unasked-upgrade": {prefix: "HTTP/1.1 101 ", end: "fin"},
	"body.truncate":        {prefix: "HTTP/1.1 200 OK\r\n", has: "Content-Length: 8192\r\n", end: "fin"},
	"body.reset":           {prefix: "HTTP/1.1 200 OK\r\n", has: "xxx\n", end: "rst"},
	"body.bad-chunk":       {prefix: "HTTP/1.1 200 OK\r\n", has: "\r\nzz\r\n", end: "fin"},
	"body.no-last-chunk":   {prefix: "HTTP/1.1 200 OK\r\n", has: "1000\r\nxxx", end: "fin"},
	"load.shed": {params: fault.Args{"workers": "0"}, prefix: "HTTP/1.1 503 Service Unavailable\r\nGatefault-Endpoint: app\r\n",
		has: "\r\nRetry-After: 5\r\n", end: "fin"},
	"load.slow-dependency":  {params: fault.Args{"every": "1", "delay": "1ms"}, prefix: "HTTP/1.1 200 OK\r\n", end: "fin"},
	"load.connection-limit": {params: fault.Args{"limit": "0"}, end: "fin"},
	"app.500":               {prefix: "HTTP/1.1 500 Internal Server Error\r\n", has: "Gatefault-Endpoint: app\r\n", end: "fin"},
	"app.502":               {prefix: "HTTP/1.1 502 Bad Gateway\r\n", has: "Gatefault-Endpoint: app\r\n", end: "fin"},
	"app.503":               {prefix: "HTTP/1.1 503 Service Unavailable\r\n", has: "Gatefault-Endpoint: app\r\n", end: "fin"},
	"ws.refused":            {prefix: "HTTP/1.1 403 Forbidden\r\n", has: "Gatefault-Nonce: ", end: "fin"},
	"ws.bad-accept":         {prefix: "HTTP/1.1 101 ", has: "\x81\x05hello\x88\x02", end: "fin"},
	"ws.cut":                {prefix: "HTTP/1.1 101 ", has: "Sec-WebSocket-Accept: Kfh9QIsMVZcl6xEPYxPHzW8SZ8w=\r\n", end: "rst"},
	"app.504":               {prefix: "HTTP/1.1 504 Gateway Timeout\r\n", has: "Gatefault-Endpoint: app\r\n", end: "fin"},
	"app.sql-text":          {prefix: "HTTP/1.1 200 OK\r\n", has: "SQL syntax\n", end: "fin"},
}

// elsewhere names the faults that have a test of their own, since no bytes tell them.
var elsewhere = map[string]bool{
	"tcp.refuse": true, "tcp.accept-hang": true, "body.stall": true, "process.crash": true, "process.pause": true,
	"tcp.drop-syn": true, "tcp.reject-reset": true, "tcp.reject-host": true, "tcp.reject-admin": true,
	"tcp.drop-established": true, "tcp.drop-replies": true, "tcp.loss": true, "tcp.latency": true, "tcp.slow-link": true,
	"process.crash-loop": true, "process.restart": true, "process.restart-drain": true, "process.kill-script": true,
	"process.fd-exhausted": true, "load.backlog": true, "load.saturate": true, "process.oom": true, "conn.race": true,
	"head.early-close-on-upload": true,
	"conn.reset-reuse":           true, "conn.close-idle": true, "conn.unsolicited": true, "conn.two-answers-late": true,
	"conn.two-answers-race": true,
	"egress.denied":         true, "unix.missing": true, "unix.permission": true, "unix.refused": true, "unix.backlog": true,
}

func TestEveryFaultOnTheWire(t *testing.T) {
	for _, f := range fault.All() {
		if f.Protocol != "" || f.Level == fault.Beyond { // has a test of its own
			continue
		}
		want, ok := onTheWire[f.Name]
		for _, more := range []map[string]sight{headsOnTheWire, answersOnTheWire} {
			if !ok {
				want, ok = more[f.Name]
			}
		}
		if !ok {
			if !elsewhere[f.Name] && f.Evidence != fault.Query { // see TestNameServerAnswersAsTheFaultSays
				t.Errorf("%s has no test", f.Name)
			}
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			up, ep := start(t, upstream.EndpointConfig{})
			setPlan(t, ep, upstream.Rule{Fault: f.Name, Params: want.params})
			got, end := talk(t, ep, get)
			wantPrefix(t, got, want.prefix)
			if !strings.Contains(got, want.has) || want.prefix == "" && got != "" {
				t.Errorf("got %q, want it to contain %q", got, want.has)
			}
			if end != want.end {
				t.Errorf("ended with %s, want %s", end, want.end)
			}
			if f.Evidence == fault.Event {
				await(t, up, "evidence", func(e upstream.Event) bool { return e.Kind == upstream.Fired && e.Fault == f.Name })
			}
			await(t, up, "close", kind(upstream.Closed))
		})
	}
}

func TestLateBodyFaultsSendGoodBodyFirst(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "body.truncate"})
	c := dial(t, ep)
	began := time.Now()
	_, _ = io.WriteString(c, get)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if n != 4096 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %d bytes and %v, want 4096 and an unexpected EOF", n, err)
	}
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("the fault came after %s, want at least 300ms", took)
	}
}

func TestStallAndHangLastUntilCleared(t *testing.T) {
	for _, name := range []string{"tcp.accept-hang", "body.stall"} {
		t.Run(name, func(t *testing.T) {
			up, ep := start(t, upstream.EndpointConfig{})
			setPlan(t, ep, upstream.Rule{Fault: name})
			c := dial(t, ep)
			_, _ = io.WriteString(c, get)
			await(t, up, "the fault", func(e upstream.Event) bool { return e.Fault == name })
			if err := ep.Clear(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(c); err != nil && !isReset(err) {
				t.Errorf("the connection did not end: %v", err)
			}
			got, _ := talk(t, ep, get)
			wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
		})
	}
}

func TestRefuseKeepsThePortReserved(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{})
	idle := dial(t, ep)
	await(t, up, "the idle connection", kind(upstream.Accepted))
	setPlan(t, ep, upstream.Rule{Fault: "tcp.refuse"})
	if _, err := io.ReadAll(idle); err != nil && !isReset(err) {
		t.Errorf("the idle connection lives on: %v", err)
	}
	if _, err := net.Dial("tcp", ep.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("dial: %v, want connection refused", err)
	}
	if l, err := net.Listen("tcp", ep.Addr().String()); err == nil {
		_ = l.Close()
		t.Error("somebody else could take the port")
	}
	for range 3 {
		if err := ep.Clear(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, _ := talk(t, ep, get)
		wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
		setPlan(t, ep, upstream.Rule{Fault: "tcp.refuse"})
	}
	await(t, up, "evidence", func(e upstream.Event) bool { return e.Kind == upstream.KernelSaw && e.Fault == "tcp.refuse" })
}
