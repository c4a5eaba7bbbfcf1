package upstream_test

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// answersOnTheWire goes on with onTheWire: bodies, answers of applications, and two answers at once.
var answersOnTheWire = map[string]sight{
	"body.truncate-early":        {prefix: "HTTP/1.1 200 OK\r\n", has: "Content-Length: 8192\r\n", end: "fin"},
	"body.reset-early":           {prefix: "HTTP/1.1 200 OK\r\n", has: "the first of many lines\n", end: "rst"},
	"body.bad-chunk-early":       {prefix: "HTTP/1.1 200 OK\r\n", has: "\r\n\r\nzz\r\n", end: "fin"},
	"body.chunk-overflow":        {prefix: "HTTP/1.1 200 OK\r\n", has: "\r\n10000000000000005\r\nfives\r\n0\r\n\r\n", end: "fin"},
	"body.drip":                  {params: fault.Args{"interval": "1ms"}, prefix: "HTTP/1.1 200 OK\r\n", has: "\r\n\r\ntrickle\n", end: "fin"},
	"body.excess":                {prefix: "HTTP/1.1 200 OK\r\n", has: "Content-Length: 3\r\n\r\nok\nand what was not counted\n", end: "fin"},
	"body.close-delimited-reset": {prefix: "HTTP/1.1 200 OK\r\n", has: "Connection: close\r\n\r\nxxx", end: "rst"},
	"body.bad-gzip": {prefix: "HTTP/1.1 200 OK\r\n",
		has: "Content-Length: 44\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x00\x0d\x00\xf2\xffa good start\n\xff\xffbroken stream\n", end: "fin"},
	"conn.two-answers":     {prefix: "HTTP/1.1 200 OK\r\n", has: "ok\nHTTP/1.1 200 OK\r\n", end: "fin"},
	"app.panic":            {prefix: "HTTP/1.1 200 OK\r\n", has: "\r\n\r\na\r\nfirst row\n\r\n", end: "fin"},
	"app.blocked-403":      {prefix: "HTTP/1.1 403 Forbidden\r\n", has: "Gatefault-Endpoint: app\r\n", end: "fin"},
	"app.rate-limited-429": {prefix: "HTTP/1.1 429 Too Many Requests\r\n", has: "Retry-After: 30\r\n", end: "fin"},
}

const keepGet = "GET / HTTP/1.1\r\nHost: app\r\n\r\n"

// ask sends a request on a kept connection and reads its answer whole.
func ask(t *testing.T, c net.Conn, br *bufio.Reader) {
	t.Helper()
	_, _ = io.WriteString(c, keepGet)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("got %v, %v, want a good answer", resp, err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
}

func TestFaultsOfReusedConnections(t *testing.T) {
	for name, end := range map[string]error{"conn.race": io.EOF, "conn.reset-reuse": syscall.ECONNRESET} {
		t.Run(name, func(t *testing.T) {
			up, ep := start(t, upstream.EndpointConfig{})
			setPlan(t, ep, upstream.Rule{Fault: name})
			c := dial(t, ep)
			br := bufio.NewReader(c)
			ask(t, c, br)
			_, _ = io.WriteString(c, keepGet)
			if _, err := br.ReadByte(); !errors.Is(err, end) {
				t.Errorf("request 2 got %v, want %v", err, end)
			}
			if e := await(t, up, "evidence", kind(upstream.Fired)); e.Request != 2 || e.Fault != name {
				t.Errorf("fired on request %d: %+v", e.Request, e)
			}
		})
	}
}

func TestFaultsOfIdleConnections(t *testing.T) {
	for name, want := range map[string]struct {
		prefix, has string
		open        bool
	}{
		"conn.close-idle":       {},
		"conn.unsolicited":      {prefix: "HTTP/1.1 408 Request Timeout\r\n", has: "-stray\r\n"},
		"conn.two-answers-late": {prefix: "HTTP/1.1 200 OK\r\n", has: "-stray\r\n", open: true},
	} {
		t.Run(name, func(t *testing.T) {
			up, ep := start(t, upstream.EndpointConfig{})
			setPlan(t, ep, upstream.Rule{Fault: name, Params: fault.Args{"idle": "20ms"}})
			c := dial(t, ep)
			br := bufio.NewReader(c)
			ask(t, c, br)
			if e := await(t, up, "evidence", kind(upstream.Fired)); e.Request != 1 || e.Fault != name {
				t.Errorf("fired after request %d: %+v", e.Request, e)
			}
			if want.open {
				_ = c.(*net.TCPConn).CloseWrite()
			}
			got, err := io.ReadAll(br)
			if err != nil || !strings.HasPrefix(string(got), want.prefix) || !strings.Contains(string(got), want.has) || want.prefix == "" && len(got) > 0 {
				t.Errorf("idle, the connection brought %q, %v", got, err)
			}
		})
	}
}

// A connection that is not idle long enough is never hurt, and nothing says that it was.
func TestIdleFaultsSpareBusyConnections(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "conn.close-idle", Params: fault.Args{"idle": "1h"}})
	c := dial(t, ep)
	br := bufio.NewReader(c)
	for range 3 {
		ask(t, c, br)
	}
	began := time.Now()
	if err := ep.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := br.ReadByte(); !errors.Is(err, io.EOF) || time.Since(began) > time.Second {
		t.Errorf("clearing ended the idle connection with %v after %s, want FIN at once", err, time.Since(began))
	}
	for _, e := range up.Journal().After(0, upstream.Filter{Kind: upstream.Fired}, 10).Events {
		t.Errorf("nothing was idle, yet: %+v", e)
	}
}

func TestIdleFaultsNoticeThatThePeerLeft(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "conn.unsolicited", Params: fault.Args{"idle": "1h"}})
	c := dial(t, ep)
	ask(t, c, bufio.NewReader(c))
	_ = c.Close()
	if e := await(t, up, "the end", kind(upstream.Closed)); e.By != "peer" {
		t.Errorf("ended by %s, want the peer", e.By)
	}
}

func TestSecondAnswerBelongsToNobody(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "conn.two-answers", Match: upstream.Match{Request: "1"}})
	c := dial(t, ep)
	br := bufio.NewReader(c)
	var nonces []string
	_, _ = io.WriteString(c, keepGet+get)
	for range 3 {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		nonces = append(nonces, resp.Header.Get(upstream.NonceField))
	}
	isStray := func(n string) bool { return strings.HasSuffix(n, upstream.StrayMark) }
	if isStray(nonces[0]) || !isStray(nonces[1]) || isStray(nonces[2]) {
		t.Errorf("nonces %q, want the second one alone marked as stray", nonces)
	}
}

func TestStrayAnswerComesBeforeTheRightOne(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "conn.two-answers-race"})
	c := dial(t, ep)
	br := bufio.NewReader(c)
	ask(t, c, br)
	_, _ = io.WriteString(c, get)
	got, err := io.ReadAll(br)
	if first, second, _ := strings.Cut(string(got), "somebody elses"); err != nil || !strings.Contains(first, upstream.StrayMark) ||
		!strings.HasPrefix(second, "HTTP/1.1 200 OK\r\n") || strings.Contains(second, upstream.StrayMark) {
		t.Errorf("request 2 got %q, %v, want the stray answer and then its own", got, err)
	}
	if e := await(t, up, "evidence", kind(upstream.Fired)); e.Request != 2 {
		t.Errorf("fired on request %d", e.Request)
	}
}

// A corked script's bytes and its FIN arrive as one: whoever waits for the bytes sees the end without waiting again.
func TestEarlyFaultsComeInOnePiece(t *testing.T) {
	for _, name := range []string{"body.truncate-early", "body.bad-chunk-early"} {
		t.Run(name, func(t *testing.T) {
			_, ep := start(t, upstream.EndpointConfig{})
			setPlan(t, ep, upstream.Rule{Fault: name})
			for range 20 {
				c := dial(t, ep)
				_, _ = io.WriteString(c, keepGet)
				buf := make([]byte, 16<<10)
				n, err := c.Read(buf)
				if err != nil || n < 100 {
					t.Fatalf("read %d bytes, %v", n, err)
				}
				_ = c.SetReadDeadline(time.Now().Add(-time.Second)) // nothing may be left to wait for
				if _, err := rawRead(c.(*net.TCPConn), buf); !errors.Is(err, io.EOF) {
					t.Fatalf("after the first read: %v, want the end", err)
				}
				_ = c.Close()
			}
		})
	}
}

// rawRead reads without waiting.
func rawRead(c *net.TCPConn, buf []byte) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	if cerr := raw.Control(func(fd uintptr) { n, err = syscall.Read(int(fd), buf) }); cerr != nil {
		return 0, cerr
	}
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

// The broken stream breaks where it should: what comes before is good.
func TestBadGzipBreaksHalfway(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "body.bad-gzip"})
	got, _ := talk(t, ep, get)
	_, body, _ := strings.Cut(got, "\r\n\r\n")
	zr, err := gzip.NewReader(strings.NewReader(body))
	if err != nil || len(body) != 44 {
		t.Fatalf("%d bytes, %v", len(body), err)
	}
	var corrupt flate.CorruptInputError
	if text, err := io.ReadAll(zr); string(text) != "a good start\n" || !errors.As(err, &corrupt) {
		t.Errorf("decoded to %q, %v", text, err)
	}
}

// app.panic is what net/http does: the same kinds of fields, the same body, the same end.
func TestPanicIsNetHTTPs(t *testing.T) {
	real := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first row\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	real.Start()
	defer real.Close()
	c, err := net.Dial("tcp", real.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, keepGet)
	want, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	_, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "app.panic"})
	got, end := talk(t, ep, keepGet)
	if end != "fin" || !slices.Equal(unmarked(got), unmarked(string(want))) {
		t.Errorf("got %q and %s\nnet/http sends %q and fin", got, end, want)
	}
}

// unmarked gives the lines of an answer without those that differ from one answer to the next.
func unmarked(answer string) []string {
	lines := slices.DeleteFunc(strings.Split(answer, "\r\n"), func(line string) bool {
		return strings.HasPrefix(line, "Gatefault-") || strings.HasPrefix(line, "Date: ")
	})
	slices.Sort(lines)
	return lines
}
