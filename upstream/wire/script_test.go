package wire_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"pgregory.net/rapid"

	"github.com/gatefault/gatefault/upstream/pki"
	"github.com/gatefault/gatefault/upstream/wire"
)

func TestTextFormRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sc := wire.Script(rapid.SliceOfN(steps(), 0, 8).Draw(t, "steps"))
		text := sc.String()
		again, err := wire.Parse(text)
		if err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		if again.String() != text {
			t.Fatalf("%s\nbecame\n%s", text, again)
		}
	})
}

func steps() *rapid.Generator[wire.Step] {
	text := rapid.StringN(0, 40, 200)
	size := rapid.IntRange(1, 1<<16)
	wait := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int64Range(0, int64(wire.MaxWait)).Draw(t, "wait"))
	})
	return rapid.Custom(func(t *rapid.T) wire.Step {
		switch rapid.IntRange(0, 19).Draw(t, "verb") {
		case 0:
			return wire.Send(text.Draw(t, "text"))
		case 1:
			return wire.Fill(size.Draw(t, "size"))
		case 2:
			return wire.FillChunk(size.Draw(t, "size"))
		case 3:
			return wire.Drip(text.Draw(t, "text"), wait.Draw(t, "interval"))
		case 4:
			return wire.Respond(rapid.IntRange(200, 599).Draw(t, "status"), text.Draw(t, "body"))
		case 5:
			return wire.Sleep(wait.Draw(t, "sleep"))
		case 6:
			return wire.Repeat(rapid.IntRange(1, 9).Draw(t, "n"), wire.Send("x"), wire.Stall())
		case 7:
			return wire.ReadRequest()
		case 8:
			return wire.ResetConn()
		case 9:
			return wire.Idle(wait.Draw(t, "idle"))
		case 10:
			return wire.Cork()
		case 11:
			return wire.Handshake(wire.TLS{Certificate: rapid.SampledFrom(pki.Kinds()).Draw(t, "certificate"),
				Demand: rapid.SampledFrom([]wire.Demand{wire.NoDemand, wire.ClientCert, wire.OldVersion}).Draw(t, "demand")})
		case 12:
			return wire.Alert(rapid.Uint8().Draw(t, "alert"))
		case 13:
			return wire.SendH2Headers(text.Draw(t, "fields"), rapid.Bool().Draw(t, "end"))
		case 14:
			return wire.SendH2Data(text.Draw(t, "text"), rapid.Bool().Draw(t, "end"))
		case 15:
			return wire.SendH2Frame(rapid.Uint8().Draw(t, "type"), rapid.Uint8().Draw(t, "flags"), rapid.IntRange(0, 1<<24-1).Draw(t, "length"))
		case 16:
			return wire.ResetH2Stream(http2.ErrCode(rapid.IntRange(0, 13).Draw(t, "code")))
		case 17:
			return wire.SendH2GoAway(rapid.Bool().Draw(t, "processed"), http2.ErrCode(rapid.IntRange(0, 13).Draw(t, "code")))
		case 18:
			return wire.EndFCGI(uint8(rapid.IntRange(0, 3).Draw(t, "status")), text.Draw(t, "text"))
		}
		return wire.Close()
	})
}

func TestSyntaxErrorsNameLineAndReason(t *testing.T) {
	for text, want := range map[string]string{
		"read-request\nclsoe":          `script line 2: "clsoe": no verb is called clsoe`,
		"send hello \"":                "double quotes",
		`send`:                         `use: send "text"`,
		"sleep soon":                   `"soon" is not a duration`,
		"sleep 2h":                     "from 0s to 1h0m0s",
		"fill 0":                       "not a number from 1 to",
		`h2-headers "a: b" stop`:       `"stop" is not the word end`,
		"h2-frame 1 4 16777216":        "below 16777216",
		"h2-rst-stream REFUSED":        `"REFUSED" is no error code of HTTP/2; the codes are NO_ERROR, `,
		"h2-goaway after NO_ERROR":     `"after" is neither before nor current`,
		"fcgi-end DONE":                `"DONE" is no protocolStatus of FastCGI`,
		"fill 99999999":                "not a number from 1 to",
		"respond 99":                   "not a final status",
		"repeat 2\nclose":              "repeat without its end",
		"end":                          "no verb is called end",
		"handshake":                    "use: handshake CERTIFICATE [client-cert|old-version]",
		"handshake bad":                `"bad" is no certificate; there are good, expired`,
		"handshake good client":        `"client" is no demand; there are client-cert, old-version`,
		"alert 256":                    "not the number of a TLS alert, 0 to 255",
		"repeat 100000\nfill 1\nend":   "",
		"repeat 1000\nfill 99999\nend": "would send more than",
		"repeat 100000\nrespond 200 \"" + strings.Repeat("x", 1000) + "\"\nend": "would send more than",
		"# a comment\n\n  close  ": "",
	} {
		_, err := wire.Parse(text)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("read-request\nsend \"HTTP/1.1 200 OK\\r\\n\"\nfill 10\nrepeat 3\nsleep 1ms\nend\nclose")
	f.Add("drip \"\\x00\" 1s")
	f.Fuzz(func(t *testing.T, text string) {
		sc, err := wire.Parse(text)
		if err != nil {
			return
		}
		if _, err := wire.Parse(sc.String()); err != nil {
			t.Fatalf("%q parses, its text form does not: %v", text, err)
		}
	})
}

func TestScriptsFireOnce(t *testing.T) {
	for text, want := range map[string]string{
		"read-request\nsend \"x\"\nclose":        "read-request\nfire\nsend \"x\"\nclose",
		"await-data\nreset":                      "await-data\nfire\nreset",
		"read-request\nsleep 1s\nfire\nclose":    "read-request\nsleep 1s\nfire\nclose",
		"read-request":                           "read-request\nfire",
		"repeat 2\nsend \"x\"\nend\nclose":       "fire\nrepeat 2\nsend \"x\"\nend\nclose",
		"repeat 2\nfire\nsend \"x\"\nend\nclose": "repeat 2\nfire\nsend \"x\"\nend\nclose",
	} {
		sc, err := wire.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := sc.Firing().String(); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
