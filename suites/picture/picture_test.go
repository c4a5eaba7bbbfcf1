package picture_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatefault/gatefault/suites/picture"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; if that is right, run the test with -update\n%s", name, diff)
	}
}

const ms = time.Millisecond

const badGateway = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 7\r\n\r\nsorry\r\n"

// seen is what was seen of a request in each of the stories.
func seen() map[string]picture.Seen {
	plain := picture.Seen{Gateway: "nginx 1.26.3", Mark: "/gf-1-1/fault", Wrote: []byte("GET /gf-1-1/fault/ HTTP/1.1\r\n\r\n"),
		Dialed: ms / 4, Sent: ms / 2, Chunks: []run.Chunk{{At: 3 * ms, Data: []byte(badGateway)}}, End: probe.EndComplete, Done: 3 * ms,
		Began: map[string]time.Duration{"app": time.Second, "app-2": time.Second, "name": time.Second, "app-tap": 0}}
	at := func(d time.Duration, kind upstream.EventKind, e upstream.Event) upstream.Event {
		e.At, e.Kind = time.Second+d, kind
		if e.Endpoint == "" {
			e.Endpoint = "app"
		}
		return e
	}
	on := upstream.Event{Conn: 7, Request: 1, Method: "GET", Target: "/gf-1-1/fault/", Fault: "head.slow"}
	stories := map[string]picture.Seen{}

	slow := plain
	slow.Title = "head.slow on nginx"
	slow.Chunks = []run.Chunk{{At: 2003 * ms, Data: []byte(strings.Replace(badGateway, "502 Bad Gateway", "504 Gateway Time-out", 1))}}
	slow.Done = 2003 * ms
	slow.Journal = []upstream.Event{
		at(900*ms/1000, upstream.Accepted, upstream.Event{Conn: 7}), at(ms, upstream.Requested, on), at(ms, upstream.Fired, on),
		at(2002*ms, upstream.PeerClosed, upstream.Event{Conn: 7, By: "peer", How: "fin"}),
		at(2002*ms, upstream.Closed, upstream.Event{Conn: 7, By: "peer", How: "fin"}),
		at(2010*ms, upstream.Accepted, upstream.Event{Conn: 8}), // looks for recovery
		at(2011*ms, upstream.Requested, upstream.Event{Conn: 8, Method: "GET", Target: "/gf-1-1/recover-1/", Status: 200}),
	}
	stories["slow"] = slow

	race := plain
	race.Title, race.Chunks, race.End = "conn.race on nginx", nil, probe.EndReset
	kept := on
	kept.Target, kept.Status, kept.Bytes, kept.Fault = "/gf-1-1/prime/", 200, 90, ""
	again := on
	again.Request, again.Fault = 2, "conn.race"
	race.Journal = []upstream.Event{at(-900*ms, upstream.Accepted, upstream.Event{Conn: 7}), at(-899*ms, upstream.Requested, kept),
		at(ms, upstream.Requested, again), at(ms, upstream.Fired, again), at(ms, upstream.Closed, upstream.Event{Conn: 7, By: "us", How: "rst"})}
	stories["race"] = race

	dropped := plain
	dropped.Title, dropped.Chunks, dropped.End, dropped.Done = "tcp.drop-syn on nginx", nil, probe.EndTimeout, 8*time.Second
	dropped.Journal = []upstream.Event{at(8100*ms, upstream.KernelSaw, upstream.Event{Fault: "tcp.drop-syn", Packets: 4, Attempts: 1})}
	stories["dropped"] = dropped

	hostile := plain
	hostile.Title = `</title><script>alert(1)</script>`
	hostile.Gateway = `"><img src=x onerror=alert(1)>`
	hostile.Chunks = []run.Chunk{{At: ms, Data: []byte("\x00\x1b[31m<script>alert('x')</script>\xff" + strings.Repeat("long", 99))}}
	hostile.End = probe.EndMalformed
	evil := on
	evil.Target = `/gf-1-1/fault/?q="><script>&` + "\u202e"
	hostile.Journal = []upstream.Event{at(ms/2, upstream.Requested, evil), at(ms, upstream.SentBytes, upstream.Event{Conn: 7, Bytes: 5, Sample: []byte("]]>&\x00")})}
	stories["hostile"] = hostile

	names := plain
	names.Title = "dns.nxdomain on nginx"
	names.Journal = []upstream.Event{at(ms, upstream.Queried, upstream.Event{Endpoint: "name", Type: "A", Name: "app.test", Answer: "NXDOMAIN", Fault: "dns.nxdomain"}),
		at(-300*ms, upstream.Verified, upstream.Event{Fault: "tcp.refuse"}), at(-400*ms, upstream.Queried, upstream.Event{Endpoint: "name", Fault: "dns.nxdomain"}),
		at(2*ms, upstream.ProcessEnd, upstream.Event{How: "SIGKILL"})}
	stories["names"] = names

	chain := plain
	chain.Title = "chain.impatient on nginx"
	chain.Tap = []upstream.Event{
		{At: ms, Kind: upstream.Accepted, Endpoint: "app-tap", Conn: 3},
		{At: ms, Kind: upstream.Relayed, Endpoint: "app-tap", Conn: 3, By: upstream.ByClient, Bytes: 99, Sample: []byte("GET /gf-1-1/fault/ HTTP/1.1\r\nHost: x\r\n")},
		{At: 2 * ms, Kind: upstream.Relayed, Endpoint: "app-tap", Conn: 3, By: upstream.ByServer, Bytes: 99, Sample: []byte(badGateway)},
		{At: 2 * ms, Kind: upstream.Closed, Endpoint: "app-tap", Conn: 3, By: upstream.ByServer, How: "fin"},
	}
	chain.Journal = []upstream.Event{at(ms, upstream.Requested, on), at(ms, upstream.Fired, on), at(ms, upstream.Requested, upstream.Event{Endpoint: "app-2", Conn: 9, Method: "GET", Target: "/gf-1-1/fault/", Status: 200})}
	stories["chain"] = chain

	many := plain
	many.Title, many.Chunks, many.Began = "body.drip on nginx", nil, nil
	for i := range 100 {
		many.Chunks = append(many.Chunks, run.Chunk{At: time.Duration(i*i) * ms, Data: []byte("drop")})
	}
	many.End, many.Done, many.Size = probe.EndFIN, 10*time.Second, 1000
	stories["many"] = many

	going := slow
	going.Title, going.Chunks, going.End, going.Done, going.Now = "head.slow on nginx", nil, "", 0, 1200*ms
	going.Journal = slow.Journal[:3]
	stories["going"] = going
	return stories
}

func TestPictures(t *testing.T) {
	for name, s := range seen() {
		t.Run(name, func(t *testing.T) {
			p := picture.Build(s)
			golden(t, name+".svg", p.SVG(name))
			golden(t, name+".txt", p.Text(picture.TextOptions{Width: 100}))
		})
	}
}

// A page that gets the model as JSON draws the same picture.
func TestModelSurvivesJSON(t *testing.T) {
	for name, s := range seen() {
		p := picture.Build(s)
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back picture.Picture
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p.SVG("x"), back.SVG("x")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What others wrote is text in the drawing, whatever it is, and no style or script needs a page's permission.
func TestSVGIsXMLWithoutScripts(t *testing.T) {
	for name, s := range seen() {
		d := xml.NewDecoder(strings.NewReader(picture.Build(s).SVG(name)))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			e, ok := token.(xml.StartElement)
			if !ok {
				continue
			}
			switch e.Name.Local {
			case "svg", "title", "desc", "g", "path", "rect", "circle", "text":
			default:
				t.Errorf("%s has a <%s>", name, e.Name.Local)
			}
			for _, a := range e.Attr {
				if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") {
					t.Errorf("%s has %s=%q", name, a.Name.Local, a.Value)
				}
			}
		}
	}
}

func TestTextDoesNothingToATerminal(t *testing.T) {
	for name, s := range seen() {
		for _, r := range picture.Build(s).Text(picture.TextOptions{}) {
			if r < ' ' && r != '\n' || r == 0x202e || r == 0x7f {
				t.Errorf("%s has %U", name, r)
			}
		}
	}
}
