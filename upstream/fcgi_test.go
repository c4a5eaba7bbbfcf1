package upstream_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/wire"
)

// fcgiRequest gives the records of one request (FastCGI 1.0 §3 and §5).
func fcgiRequest(id uint16, keep bool, params [][2]string, body string) []byte {
	flags := byte(0)
	if keep {
		flags = 1
	}
	b := wire.AppendFCGI(nil, wire.FCGIBegin, id, []byte{0, 1, flags, 0, 0, 0, 0, 0})
	var block []byte
	for _, p := range params {
		for _, text := range p {
			if len(text) < 0x80 {
				block = append(block, byte(len(text)))
			} else {
				block = binary.BigEndian.AppendUint32(block, uint32(len(text))|1<<31)
			}
		}
		block = append(append(block, p[0]...), p[1]...)
	}
	b = appendStream(b, wire.FCGIParams, id, string(block))
	return appendStream(b, wire.FCGIStdin, id, body)
}

func appendStream(b []byte, typ uint8, id uint16, text string) []byte {
	b = wire.AppendFCGI(b, typ, id, []byte(text))
	return append(b, 1, typ, byte(id>>8), byte(id), 0, 0, 0, 0)
}

var fcgiGet = [][2]string{{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/a?b"}, {"HTTP_X_LONG", strings.Repeat("v", 300)}}

// fcgiTells reads to the end of the connection, or the end of a request, and tells in words what came.
func fcgiTells(c net.Conn) (words []string) {
	for {
		var head [8]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return append(words, endWord(err))
		}
		if head[0] != 1 {
			return append(words, fmt.Sprintf("version %d", head[0]))
		}
		content := make([]byte, int(binary.BigEndian.Uint16(head[4:]))+int(head[6]))
		if _, err := io.ReadFull(c, content); err != nil {
			return append(words, endWord(err))
		}
		words = append(words, fmt.Sprintf("%d.%d %q", binary.BigEndian.Uint16(head[2:]), head[1], content))
		if head[1] == wire.FCGIEnd {
			return words
		}
	}
}

func TestFastCGIHealthy(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.FastCGI})
	c := dial(t, ep)
	for i, body := range []string{"", "abc", strings.Repeat("b", 1<<20)} {
		go func() { _, _ = c.Write(fcgiRequest(uint16(i+1), i < 2, fcgiGet, body)) }()
		got := fcgiTells(c)
		if len(got) != 3 || !strings.Contains(got[0], "Status: 200 OK") || !strings.Contains(got[0], "Gatefault-Endpoint: app") ||
			got[1] != fmt.Sprintf(`%d.6 ""`, i+1) || got[2] != fmt.Sprintf(`%d.3 "\x00\x00\x00\x00\x00\x00\x00\x00"`, i+1) {
			t.Errorf("%q", got)
		}
		await(t, up, "request", func(e upstream.Event) bool {
			return e.Kind == upstream.Requested && e.Method == "GET" && e.Target == "/a?b" && e.Request == i+1 && e.Status == 200
		})
	}
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("without FCGI_KEEP_CONN came %q, %v", rest, err)
	}
}

func TestFastCGIMatchesFields(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{Protocol: upstream.FastCGI})
	setPlan(t, ep, upstream.Rule{Fault: "app.503", Match: upstream.Match{Header: map[string]string{"X-Long": strings.Repeat("v", 300)}, Path: "/a"}})
	c := dial(t, ep)
	_, _ = c.Write(fcgiRequest(1, false, fcgiGet, ""))
	if got := fcgiTells(c); !strings.Contains(got[0], "Status: 503") {
		t.Errorf("%q", got)
	}
}

// Gateways that do not send REQUEST_URI send what CGI knows.
func TestFastCGITarget(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.FastCGI})
	setPlan(t, ep, upstream.Rule{Fault: "app.503", Match: upstream.Match{Target: "gatefault-cell=/gf-ab12-7/fault"}})
	const query = "a=b&gatefault-cell=/gf-ab12-7/fault"
	for want, params := range map[string][][2]string{
		"/x/y?" + query:     {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/x/y?" + query}, {"SCRIPT_NAME", "/index.php"}, {"QUERY_STRING", query}},
		"/i.php/y?" + query: {{"REQUEST_METHOD", "GET"}, {"SCRIPT_NAME", "/i.php"}, {"PATH_INFO", "/y"}, {"QUERY_STRING", query}},
	} {
		c := dial(t, ep)
		_, _ = c.Write(fcgiRequest(1, false, params, ""))
		if got := fcgiTells(c); !strings.Contains(got[0], "Status: 503") {
			t.Errorf("%s: %q", want, got)
		}
		await(t, up, want, func(e upstream.Event) bool { return e.Kind == upstream.Requested && e.Target == want })
	}
}

func TestFastCGIRefusesASecondRequestAtOnce(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{Protocol: upstream.FastCGI})
	c := dial(t, ep)
	first := fcgiRequest(1, false, fcgiGet, "")
	_, _ = c.Write(append(slices.Clone(first[:16]), fcgiRequest(2, false, nil, "")[:16]...))
	_, _ = c.Write(first[16:])
	if got := fcgiTells(c); !slices.Equal(got, []string{`2.6 ""`, `2.3 "\x00\x00\x00\x00\x01\x00\x00\x00"`}) {
		t.Errorf("%q", got)
	}
	if got := fcgiTells(c); !strings.Contains(got[0], "1.6 \"Status: 200") {
		t.Errorf("%q", got)
	}
}

func TestFastCGIAnswersManagement(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{Protocol: upstream.FastCGI})
	c := dial(t, ep)
	_, _ = c.Write(wire.AppendFCGI(nil, wire.FCGIValues, 0, []byte("\x0f\x00FCGI_MPXS_CONNS")))
	_, _ = c.Write(fcgiRequest(1, false, fcgiGet, ""))
	if got := fcgiTells(c); got[0] != `0.10 "\x0f\x01FCGI_MPXS_CONNS0"` || !strings.Contains(got[1], "Status: 200") {
		t.Errorf("%q", got)
	}
}

func TestFastCGIRefusesWhatIsNone(t *testing.T) {
	begin := fcgiRequest(1, true, nil, "")[:16]
	for name, b := range map[string]string{
		"another version": "GET / HTTP/1.1\r\n\r\n",
		"no responder":    string(wire.AppendFCGI(nil, wire.FCGIBegin, 1, []byte{0, 2, 0, 0, 0, 0, 0, 0})),
		"no params":       string(begin) + string(appendStream(nil, wire.FCGIStdin, 1, "x")),
		"cut pair":        string(begin) + string(appendStream(nil, wire.FCGIParams, 1, "\x05\x05abc")),
		"large params":    string(begin) + string(appendStream(nil, wire.FCGIParams, 1, strings.Repeat("x", 70_000))),
	} {
		t.Run(name, func(t *testing.T) {
			up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.FastCGI})
			c := dial(t, ep)
			_, _ = io.WriteString(c, b)
			await(t, up, "the reason", kind(upstream.Failed))
			if got := fcgiTells(c); !slices.Equal(got, []string{"fin"}) {
				t.Errorf("%q", got)
			}
		})
	}
}

// onFastCGI says what each fault sends.
var onFastCGI = map[string][]string{
	"fcgi.garbage":     {"version 72"},
	"fcgi.end-early":   {`1.6 "Status: 200 OK\r\nContent-Type: text/plain\r\n`, "fin"},
	"fcgi.overloaded":  {`1.6 ""`, `1.3 "\x00\x00\x00\x00\x02\x00\x00\x00"`},
	"fcgi.stderr-only": {`1.7 "PHP message: Primary script unknown"`, `1.6 ""`, `1.3 "\x00\x00\x00\x00\x00\x00\x00\x00"`},
}

func TestEveryFastCGIFault(t *testing.T) {
	for _, f := range fault.All() {
		if f.Protocol != string(upstream.FastCGI) {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.FastCGI})
			setPlan(t, ep, upstream.Rule{Fault: f.Name})
			c := dial(t, ep)
			_, _ = c.Write(fcgiRequest(1, true, fcgiGet, ""))
			if got, want := fcgiTells(c), onFastCGI[f.Name]; !slices.EqualFunc(got, want, strings.HasPrefix) {
				t.Errorf("%q, want %q", got, want)
			}
			await(t, up, "evidence", func(e upstream.Event) bool { return e.Kind == upstream.Fired && e.Fault == f.Name })
		})
	}
}

func FuzzFastCGI(f *testing.F) {
	f.Add(fcgiRequest(1, true, fcgiGet, "body"))
	f.Add(wire.AppendFCGI(nil, wire.FCGIValues, 0, []byte("\x0f\x00FCGI_MPXS_CONNS")))
	fuzzProtocol(f, upstream.FastCGI)
}
