package upstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/wire"
)

// client2 is net/http's own HTTP/2 client with prior knowledge.
func client2(t *testing.T) *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 5 * time.Second}
}

func startHTTP2(t *testing.T) (*upstream.Upstream, *upstream.Endpoint, string) {
	up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.HTTP2})
	return up, ep, "http://" + ep.Addr().String()
}

func TestHTTP2Healthy(t *testing.T) {
	up, _, url := startHTTP2(t)
	client := client2(t)
	nonces := map[string]bool{}
	for i, body := range []string{"", "abc", strings.Repeat("b", 1<<20)} {
		resp, err := client.Post(fmt.Sprintf("%s/p%d?q", url, i), "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 || resp.Proto != "HTTP/2.0" || string(text) != "ok\n" {
			t.Errorf("%v %q, %v", resp, text, err)
		}
		if resp.Header.Get(upstream.EndpointField) != "app" {
			t.Errorf("no provenance: %v", resp.Header)
		}
		nonces[resp.Header.Get(upstream.NonceField)] = true
		await(t, up, "request", func(e upstream.Event) bool {
			return e.Kind == upstream.Requested && e.Method == "POST" && e.Target == fmt.Sprintf("/p%d?q", i) && e.Request == i+1 && e.Status == 200
		})
	}
	if len(nonces) != 3 {
		t.Errorf("three answers carry %d different nonces", len(nonces))
	}
	resp, err := client.Head(url)
	if err != nil || resp.StatusCode != 200 || resp.ContentLength != 0 {
		t.Errorf("HEAD: %v, %v", resp, err)
	}
}

func TestHTTP2ManyAtOnce(t *testing.T) {
	_, _, url := startHTTP2(t)
	client := client2(t)
	errs := make(chan error, 200)
	for range cap(errs) {
		go func() {
			resp, err := client.Post(url, "text/plain", strings.NewReader(strings.Repeat("x", 100_000)))
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// raw2 speaks HTTP/2 by hand and tells in words what comes back.
type raw2 struct {
	net.Conn
	fr *http2.Framer
}

func dial2(t *testing.T, ep *upstream.Endpoint, settings ...http2.Setting) raw2 {
	c := raw2{Conn: dial(t, ep)}
	c.fr = http2.NewFramer(c, c)
	c.fr.SetMaxReadFrameSize(wire.MaxH2Frame)
	_, _ = io.WriteString(c, http2.ClientPreface)
	_ = c.fr.WriteSettings(settings...)
	return c
}

func (c raw2) request(t *testing.T, stream uint32, end bool, fields string) {
	t.Helper()
	list, err := wire.H2Fields(":method: POST\n:scheme: http\n:authority: a\n:path: /\n" + fields)
	if err != nil {
		t.Fatal(err)
	}
	b, err := wire.H2Headers(stream, list, end)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write(b)
}

// tells reads to the end of the connection, or for a second when it stays open.
func (c raw2) tells() (words []string) {
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	c.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		f, err := c.fr.ReadFrame()
		if err != nil {
			return append(words, endWord(err))
		}
		if word := frameWord(f); word != "" {
			words = append(words, word)
		}
	}
}

func endWord(err error) string {
	switch {
	case errors.Is(err, io.EOF):
		return "fin"
	case isReset(err):
		return "rst"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "open"
	}
	return err.Error()
}

func frameWord(f http2.Frame) string {
	end := ""
	if f.Header().Flags.Has(http2.FlagDataEndStream) {
		end = " end"
	}
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if f.IsAck() {
			return "ack"
		}
		return "settings"
	case *http2.MetaHeadersFrame:
		return fmt.Sprintf("%d headers %s%s", f.StreamID, f.PseudoValue("status"), end)
	case *http2.DataFrame:
		return fmt.Sprintf("%d data %q%s", f.StreamID, f.Data(), end)
	case *http2.RSTStreamFrame:
		return fmt.Sprintf("%d rst %s", f.StreamID, f.ErrCode)
	case *http2.GoAwayFrame:
		return fmt.Sprintf("goaway %d %s", f.LastStreamID, f.ErrCode)
	case *http2.WindowUpdateFrame:
		return fmt.Sprintf("%d window %d", f.StreamID, f.Increment)
	case *http2.PingFrame:
		return "ping"
	}
	return "?"
}

// onHTTP2 says what each fault sends after SETTINGS and its acknowledgement, for a POST on stream 3.
var onHTTP2 = map[string]struct {
	params fault.Args
	sends  []string
}{
	"h2.goaway":          {sends: []string{"goaway 1 NO_ERROR", "fin"}},
	"h2.rst-stream":      {params: fault.Args{"code": "REFUSED_STREAM"}, sends: []string{"3 rst REFUSED_STREAM", "open"}},
	"h2.rst-stream-late": {sends: []string{"3 headers 200", `3 data "half of the page\n"`, "3 rst INTERNAL_ERROR", "open"}},
	"h2.bad-frame":       {sends: []string{"connection error: COMPRESSION_ERROR"}},
	"h2.bad-frame-size":  {sends: []string{"http2: frame too large"}},
	"h2.zero-window":     {sends: []string{"open"}},
	"grpc.no-trailers":   {sends: []string{"3 headers 200", `3 data "\x00\x00\x00\x00\x05hello" end`, "open"}},
	"grpc.unavailable":   {sends: []string{"3 headers 200 end", "open"}},
	"h2.settings-hang":   {sends: []string{"open"}},
	"h2.http1-answer":    {sends: nil},
}

func TestEveryHTTP2Fault(t *testing.T) {
	for _, f := range fault.All() {
		if f.Protocol != string(upstream.HTTP2) {
			continue
		}
		want, ok := onHTTP2[f.Name]
		if !ok {
			t.Errorf("%s has no test", f.Name)
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			up, ep, _ := startHTTP2(t)
			setPlan(t, ep, upstream.Rule{Fault: f.Name, Params: want.params})
			c := dial2(t, ep)
			if want.sends == nil {
				b, _ := io.ReadAll(c)
				wantPrefix(t, string(b), "HTTP/1.1 400 ")
			} else {
				c.request(t, 3, true, "")
				if got := slices.DeleteFunc(c.tells(), isSettings); !slices.Equal(got, want.sends) {
					t.Errorf("%q, want %q", got, want.sends)
				}
			}
			await(t, up, "evidence", func(e upstream.Event) bool { return e.Kind == upstream.Fired && e.Fault == f.Name })
		})
	}
}

func isSettings(word string) bool { return word == "settings" || word == "ack" }

func TestHTTP2ConnectionLivesOnAfterAResetStream(t *testing.T) {
	_, ep, _ := startHTTP2(t)
	setPlan(t, ep, upstream.Rule{Script: "read-head\nh2-rst-stream CANCEL", Times: 1})
	c := dial2(t, ep)
	c.request(t, 1, false, "")
	_ = c.fr.WriteData(1, false, []byte("late"))
	c.request(t, 3, true, "")
	got := slices.DeleteFunc(c.tells(), isSettings)
	if want := []string{"1 rst CANCEL", "0 window 4", "3 headers 200", `3 data "ok\n" end`, "open"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestHTTP2KeepsToThePeersWindow(t *testing.T) {
	_, ep, _ := startHTTP2(t)
	c := dial2(t, ep, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	c.request(t, 1, true, "")
	_ = c.fr.WritePing(false, [8]byte{})
	_ = c.fr.WriteWindowUpdate(1, 3)
	got := c.tells()
	if want := []string{"settings", "ack", "ping", "1 headers 200", `1 data "ok\n" end`, "open"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestHTTP2RefusesWhatIsNone(t *testing.T) {
	for name, send := range map[string]func(t *testing.T, c raw2){
		"even stream":   func(t *testing.T, c raw2) { c.request(t, 2, true, "") },
		"large head":    func(t *testing.T, c raw2) { c.request(t, 1, true, "x: "+strings.Repeat("x", 70_000)) },
		"data first":    func(_ *testing.T, c raw2) { _ = c.fr.WriteRawFrame(http2.FrameContinuation, 0, 1, []byte("x")) },
		"frame too big": func(_ *testing.T, c raw2) { _ = c.fr.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, 20_000)) },
	} {
		t.Run(name, func(t *testing.T) {
			up, ep, _ := startHTTP2(t)
			c := dial2(t, ep)
			send(t, c)
			words := c.tells()
			if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "goaway ") }) {
				t.Errorf("%q lacks GOAWAY", words)
			}
			await(t, up, "the reason", kind(upstream.Failed))
		})
	}
}

func TestHTTP2FaultNeedsAnEndpointOfIt(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	err := ep.SetPlan(context.Background(), upstream.Plan{Rules: []upstream.Rule{{Fault: "h2.goaway"}}}, upstream.Keep)
	if !errors.Is(err, upstream.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}

func TestHTTP2InBand(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{InBand: true, Protocol: upstream.HTTP2})
	resp, err := client2(t).Get("http://" + ep.Addr().String() + "/?gatefault=app.503")
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("%v, %v", resp, err)
	}
	_ = resp.Body.Close()
	_, plain := start(t, upstream.EndpointConfig{InBand: true})
	got, _ := talk(t, plain, strings.Replace(get, "/", "/?gatefault=h2.goaway", 1))
	wantPrefix(t, got, "HTTP/1.1 400 ")
}

func FuzzHTTP2(f *testing.F) {
	f.Add([]byte(http2.ClientPreface))
	var b bytes.Buffer
	_, _ = b.WriteString(http2.ClientPreface)
	fr := http2.NewFramer(&b, nil)
	_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
	fields, _ := wire.H2Fields(":method: POST\n:scheme: http\n:authority: a\n:path: /")
	head, _ := wire.H2Headers(1, fields, false)
	_, _ = b.Write(head)
	_ = fr.WriteData(1, true, []byte("x"))
	_ = fr.WriteWindowUpdate(0, 9)
	_ = fr.WriteRSTStream(1, http2.ErrCodeCancel)
	f.Add(b.Bytes())
	fuzzProtocol(f, upstream.HTTP2)
}

// fuzzProtocol sends anything to an endpoint, which must end the connection once we have, and serve the next.
func fuzzProtocol(f *testing.F, p upstream.Protocol) {
	up, err := upstream.New(upstream.Options{MaxBody: 1 << 16})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = up.Close() })
	ep, err := up.Listen(upstream.EndpointConfig{Address: "127.0.0.1:0", Protocol: p})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := net.Dial("tcp", ep.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = c.Write(b)
		_ = c.(*net.TCPConn).CloseWrite()
		if _, err := io.Copy(io.Discard, c); err != nil && !isReset(err) {
			t.Errorf("%q: %v", b, err)
		}
	})
}
