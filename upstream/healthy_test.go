package upstream_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/upstream"
)

func TestPipelining(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	c := dial(t, ep)
	_, _ = io.WriteString(c, strings.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 99)+get)
	br := bufio.NewReader(c)
	nonces := map[string]bool{}
	for i := range 100 {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", i+1, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		nonces[resp.Header.Get(upstream.NonceField)] = true
	}
	if len(nonces) != 100 {
		t.Errorf("100 answers carry %d different nonces", len(nonces))
	}
	if rest, err := io.ReadAll(br); err != nil || len(rest) > 0 {
		t.Errorf("after Connection: close came %q, %v", rest, err)
	}
}

func TestRequestBodies(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	const big = 20 << 20
	for name, body := range map[string]string{
		"length":           fmt.Sprintf("Content-Length: %d\r\n\r\n%s", big, strings.Repeat("b", big)),
		"chunked":          "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("c", 65536)+"\r\n", 200) + "0\r\nX-Trailer: t\r\n\r\n",
		"empty":            "Content-Length: 0\r\n\r\n",
		"expects continue": "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, ep)
			go func() { _, _ = io.WriteString(c, "POST /up HTTP/1.1\r\nHost: a\r\n"+body+get) }()
			br := bufio.NewReader(c)
			for i := range 2 {
				resp, err := http.ReadResponse(br, nil)
				for err == nil && resp.StatusCode == http.StatusContinue {
					resp, err = http.ReadResponse(br, nil)
				}
				if err != nil || resp.StatusCode != 200 {
					t.Fatalf("answer %d: %v %v", i+1, resp, err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
			}
		})
	}
}

func TestBadRequestsAreAnsweredAndBounded(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	for name, c := range map[string]struct{ request, want string }{
		"no HTTP":        {"hello there\r\n\r\n", "HTTP/1.1 400 "},
		"head too large": {"GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n", "HTTP/1.1 431 "},
		"large head":     {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: " + strings.Repeat("x", 30<<10) + "\r\n\r\n", "HTTP/1.1 200 "},
		"body too large": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 413 "},
		"HTTP/1.0":       {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 "},
		"HEAD":           {"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 "},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := talk(t, ep, c.request)
			wantPrefix(t, got, c.want)
			if name == "HEAD" && !strings.HasSuffix(got, "\r\n\r\n") {
				t.Errorf("a body in the answer to HEAD: %q", got)
			}
		})
	}
}

func FuzzRequest(f *testing.F) {
	up, err := upstream.New(upstream.Options{})
	if err != nil {
		f.Fatal(err)
	}
	ep, err := up.Listen(upstream.EndpointConfig{Address: "127.0.0.1:0", InBand: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = up.Close() })
	f.Add([]byte(get))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"))
	f.Add([]byte("GET /?gatefault=head.slow;delay=1ns HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Fuzz(func(t *testing.T, request []byte) {
		if strings.Contains(strings.ToLower(string(request)), "gatefault") {
			t.Skip("a chosen fault may take its time")
		}
		c := dial(t, ep)
		go func() {
			_, _ = c.Write(request)
			_ = c.(interface{ CloseWrite() error }).CloseWrite()
		}()
		if _, err := io.ReadAll(c); err != nil && !isReset(err) {
			t.Fatalf("the connection did not end: %v", err)
		}
	})
}
