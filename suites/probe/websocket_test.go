package probe

import (
	"net"
	"testing"
	"time"
)

const switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

func TestWebSocket(t *testing.T) {
	upgrade := Request{Header: [][2]string{{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}}
	for name, test := range map[string]struct {
		request Request
		server  script
		want    Outcome
		body    string
	}{
		"closed in order":   {upgrade, answer(switched + "\x81\x05hello\x8a\x01p\x01\x7e\x00\x01!\x88\x02\x03\xe8"), Outcome{Complete, 101}, "hello!"},
		"cut by FIN":        {upgrade, answer(switched + "\x81\x05hello"), Outcome{Truncated, 101}, "hello"},
		"cut in a frame":    {upgrade, answer(switched + "\x81\x05he"), Outcome{Truncated, 101}, "he"},
		"cut by RST":        {upgrade, answerAndReset(switched + "\x81\x05hello"), Outcome{Truncated, 101}, "hello"},
		"no end":            {upgrade, answerAndHang(switched + "\x81\x05hello"), Outcome{Hang, 101}, "hello"},
		"masked":            {upgrade, answer(switched + "\x81\x85aaaahello"), Outcome{Truncated, 101}, ""},
		"a huge frame":      {upgrade, answer(switched + "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), Outcome{Truncated, 101}, ""},
		"refused":           {upgrade, answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"), Outcome{Complete, 403}, "no"},
		"nobody asked":      {Request{}, answer(switched), Outcome{Complete, 101}, ""},
		"reset before head": {upgrade, func(_ *testing.T, c *net.TCPConn) { readHead(c); c.SetLinger(0) }, Outcome{Kind: Reset}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ex := Do(t.Context(), server(t, test.server), test.request, Options{Patience: 500 * time.Millisecond})
			if got := ex.Outcome(); got != test.want || string(ex.Body) != test.body {
				t.Errorf("%v %q, want %v %q (%s)", got, ex.Body, test.want, test.body, ex.Malformed)
			}
		})
	}
}
