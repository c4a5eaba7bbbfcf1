package probe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is what the server does with one connection. When it returns the
// connection is closed: FIN, as everything that came was read.
type script func(t *testing.T, c *net.TCPConn)

// server runs s for every connection, and returns its address.
func server(t *testing.T, s script) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				s(t, conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

// readHead reads to the end of a request head.
func readHead(c net.Conn) string {
	var head []byte
	for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); {
		if _, err := c.Read(one); err != nil {
			break
		}
		head = append(head, one[0])
	}
	return string(head)
}

// answer sends text after the request and closes.
func answer(text string) script {
	return func(_ *testing.T, c *net.TCPConn) {
		readHead(c)
		io.WriteString(c, text)
	}
}

// answerAndReset sends text, then RST. Over loopback nothing of text is lost: it
// is in the client's queue, which outlives the RST, when write returns.
func answerAndReset(text string) script {
	return func(_ *testing.T, c *net.TCPConn) {
		readHead(c)
		io.WriteString(c, text)
		c.SetLinger(0)
	}
}

// answerAndHang sends text and waits until the client closes.
func answerAndHang(text string) script {
	return func(_ *testing.T, c *net.TCPConn) {
		readHead(c)
		io.WriteString(c, text)
		io.Copy(io.Discard, c)
	}
}

const (
	good     = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	short    = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"
	endless  = "HTTP/1.1 200 OK\r\n\r\nhello"
	chunked  = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	huge     = "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551619\r\n\r\nhello"
	halfHead = "HTTP/1.1 200 OK\r\nContent-"
)

func TestOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		server  script
		method  string
		want    Outcome
		end     End
		framing Framing
	}{
		"whole":                            {answerAndHang(good), "", Outcome{Complete, 200}, EndComplete, FramingLength},
		"whole, then FIN":                  {answer(good), "", Outcome{Complete, 200}, EndComplete, FramingLength},
		"whole, chunked":                   {answerAndHang(chunked + "0\r\n\r\n"), "", Outcome{Complete, 200}, EndComplete, FramingChunked},
		"whole, up to FIN":                 {answer(endless), "", Outcome{Complete, 200}, EndFIN, FramingClose},
		"no reason phrase":                 {answer("HTTP/1.1 502\r\nContent-Length: 0\r\n\r\n"), "", Outcome{Complete, 502}, EndComplete, FramingLength},
		"HEAD":                             {answerAndHang(short[:strings.Index(short, "hello")]), "HEAD", Outcome{Complete, 200}, EndComplete, FramingNone},
		"204":                              {answerAndHang("HTTP/1.1 204 No Content\r\n\r\n"), "", Outcome{Complete, 204}, EndComplete, FramingNone},
		"304":                              {answerAndHang("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), "", Outcome{Complete, 304}, EndComplete, FramingNone},
		"101":                              {answerAndHang("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), "", Outcome{Complete, 101}, EndComplete, FramingNone},
		"interim, then whole":              {answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + good), "", Outcome{Complete, 200}, EndComplete, FramingLength},
		"interim and whole at once":        {answerAndHang("HTTP/1.1 103 Early Hints\r\n\r\n" + good), "", Outcome{Complete, 200}, EndComplete, FramingLength},
		"interim, then nothing":            {answerAndHang("HTTP/1.1 100 Continue\r\n\r\n"), "", Outcome{Kind: Hang}, EndTimeout, ""},
		"FIN at once":                      {answer(""), "", Outcome{Kind: Closed}, EndFIN, ""},
		"RST at once":                      {answerAndReset(""), "", Outcome{Kind: Reset}, EndReset, ""},
		"nothing":                          {answerAndHang(""), "", Outcome{Kind: Hang}, EndTimeout, ""},
		"FIN in a head":                    {answer(halfHead), "", Outcome{Truncated, 200}, EndFIN, ""},
		"RST in a head":                    {answerAndReset(halfHead), "", Outcome{Truncated, 200}, EndReset, ""},
		"hang in a head":                   {answerAndHang(halfHead), "", Outcome{Kind: Hang}, EndTimeout, ""},
		"length over 64 bits, then FIN":    {answer(huge), "", Outcome{Truncated, 200}, EndFIN, FramingLength},
		"length over 64 bits, then RST":    {answerAndReset(huge), "", Outcome{Truncated, 200}, EndReset, FramingLength},
		"length over 64 bits, then hang":   {answerAndHang(huge), "", Outcome{Hang, 200}, EndTimeout, FramingLength},
		"interim, then a length too large": {answer("HTTP/1.1 103 Early Hints\r\n\r\n" + huge), "", Outcome{Truncated, 200}, EndFIN, FramingLength},
		"large length in no HTTP":          {answer(strings.Replace(huge, "\r\n", "\r\nno colon\r\n", 1)), "", Outcome{Kind: Raw}, EndFIN, ""},
		"hang in a status line":            {answerAndHang("HTTP/1.1 2"), "", Outcome{Kind: Hang}, EndTimeout, ""},
		"FIN in a status line":             {answer("HTTP/1.1 2"), "", Outcome{Kind: Raw}, EndFIN, ""},
		"FIN in a body":                    {answer(short), "", Outcome{Truncated, 200}, EndFIN, FramingLength},
		"RST in a body":                    {answerAndReset(short), "", Outcome{Truncated, 200}, EndReset, FramingLength},
		"hang in a body":                   {answerAndHang(short), "", Outcome{Hang, 200}, EndTimeout, FramingLength},
		"RST in a body up to FIN":          {answerAndReset(endless), "", Outcome{Truncated, 200}, EndReset, FramingClose},
		"hang in a body up to FIN":         {answerAndHang(endless), "", Outcome{Hang, 200}, EndTimeout, FramingClose},
		"no last chunk":                    {answer(chunked), "", Outcome{Truncated, 200}, EndFIN, FramingChunked},
		"FIN in a trailer":                 {answer(chunked + "0\r\n"), "", Outcome{Truncated, 200}, EndFIN, FramingChunked},
		"hang in chunks":                   {answerAndHang(chunked), "", Outcome{Hang, 200}, EndTimeout, FramingChunked},
		"bad chunk, FIN":                   {answer(chunked + "zz\r\n"), "", Outcome{Truncated, 200}, EndFIN, FramingChunked},
		"bad chunk, then nothing":          {answerAndHang(chunked + "zz\r\n"), "", Outcome{Truncated, 200}, EndMalformed, FramingChunked},
		"HTTP/0.9":                         {answer("<p>hello</p>"), "", Outcome{Kind: Raw}, EndFIN, ""},
		"HTTP/0.9, RST":                    {answerAndReset("<p>hello</p>"), "", Outcome{Kind: Raw}, EndReset, ""},
		"one byte, no HTTP":                {answerAndHang("\x15"), "", Outcome{Kind: Raw}, EndMalformed, ""},
		"other protocol":                   {answer("HTTX/1.1 200 OK\r\n\r\n"), "", Outcome{Kind: Raw}, EndFIN, ""},
		"status of four digits":            {answer("HTTP/1.1 1000 Odd\r\n\r\n"), "", Outcome{Kind: Raw}, EndFIN, ""},
		"status below 100":                 {answer("HTTP/1.1 099 Odd\r\n\r\n"), "", Outcome{Kind: Raw}, EndFIN, ""},
		"no status":                        {answer("HTTP/1.1 OK\r\n\r\n"), "", Outcome{Kind: Raw}, EndFIN, ""},
		"field without colon":              {answer("HTTP/1.1 200 OK\r\nwhat\r\n\r\n"), "", Outcome{Kind: Raw}, EndFIN, ""},
		"NUL in a field":                   {answer("HTTP/1.1 200 OK\r\nA: b\x00c\r\nB: c\r\n\r\n"), "", Outcome{Kind: Raw}, EndFIN, ""},
		"two lengths":                      {answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), "", Outcome{Kind: Raw}, EndFIN, ""},
		"negative length":                  {answer("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "", Outcome{Kind: Raw}, EndFIN, ""},
		"length and chunks: RFC 9112 6.3":  {answer(strings.Replace(chunked, "\r\n", "\r\nContent-Length: 1\r\n", 1) + "0\r\n\r\n"), "", Outcome{Complete, 200}, EndComplete, FramingChunked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ex := Do(t.Context(), server(t, c.server), Request{Method: c.method}, Options{Patience: 500 * time.Millisecond})
			if got := ex.Outcome(); got != c.want || ex.End != c.end || ex.Framing != c.framing {
				t.Errorf("outcome %+v, end %s, framing %q, want %+v, %s, %q; malformed %q, err %v",
					got, ex.End, ex.Framing, c.want, c.end, c.framing, ex.Malformed, ex.Err)
			}
			if raw := ex.Outcome().Kind == Raw; raw != (ex.Malformed != "" && ex.Header == nil) {
				t.Errorf("malformed = %q", ex.Malformed)
			}
		})
	}
}

func TestRecordsEveryByteAndItsTime(t *testing.T) {
	const pause = 60 * time.Millisecond
	addr := server(t, func(_ *testing.T, c *net.TCPConn) {
		readHead(c)
		for _, part := range []string{good[:20], good[20:], "more"} {
			io.WriteString(c, part)
			time.Sleep(pause) // the pace is what is tested
		}
	})
	ex := Do(t.Context(), addr, Request{}, Options{})
	if got := string(ex.Bytes()); got != good {
		t.Errorf("bytes = %q, want %q", got, good)
	}
	if len(ex.Chunks) != 2 || ex.Chunks[1].At-ex.Chunks[0].At < pause/2 {
		t.Errorf("chunks = %+v, want two, %v apart", ex.Chunks, pause)
	}
	if ex.Dialed == 0 || ex.Sent < ex.Dialed || ex.FirstByte < ex.Dialed || ex.Done < ex.FirstByte || ex.FirstByte != ex.Chunks[0].At {
		t.Errorf("dialed %v, sent %v, first byte %v, done %v", ex.Dialed, ex.Sent, ex.FirstByte, ex.Done)
	}
	if string(ex.Body) != "hello" || ex.BodyLen != 5 || ex.Proto != "HTTP/1.1" {
		t.Errorf("body %q (%d), %s", ex.Body, ex.BodyLen, ex.Proto)
	}
	if ex.Remote.String() != addr || !ex.Local.IsValid() {
		t.Errorf("from %v to %v, want %s", ex.Local, ex.Remote, addr)
	}
}

func TestRequestGoesOutAsWritten(t *testing.T) {
	for name, c := range map[string]struct {
		req  Request
		want string
	}{
		"defaults": {Request{Host: "a"}, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		"order":    {Request{Target: "/x?y", Host: "a", Header: [][2]string{{"b", "1"}, {"A", "2"}, {"b", "3"}}, Close: true}, "GET /x?y HTTP/1.1\r\nHost: a\r\nb: 1\r\nA: 2\r\nb: 3\r\nConnection: close\r\n\r\n"},
		"body":     {Request{Method: "POST", Host: "a", Body: []byte("hey")}, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nhey"},
		"encoded":  {Request{Method: "POST", Host: "a", Header: [][2]string{{"transfer-encoding", "chunked"}}, Body: []byte("0\r\n\r\n")}, "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"},
	} {
		if got := string(c.req.encode("unused")); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	got := make(chan string, 1)
	addr := server(t, func(_ *testing.T, c *net.TCPConn) { got <- readHead(c) })
	Do(t.Context(), addr, Request{}, Options{})
	if head, want := <-got, "GET / HTTP/1.1\r\nHost: "+addr+"\r\n\r\n"; head != want {
		t.Errorf("sent %q, want %q", head, want)
	}
}

func TestConnectionIsReused(t *testing.T) {
	addr := server(t, func(_ *testing.T, c *net.TCPConn) {
		for readHead(c) != "" {
			io.WriteString(c, good)
		}
	})
	conn, err := Dial(t.Context(), addr, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	first, second := conn.Do(t.Context(), Request{}), conn.Do(t.Context(), Request{})
	for _, ex := range []Exchange{first, second} {
		if ex.Outcome() != (Outcome{Complete, 200}) || string(ex.Bytes()) != good {
			t.Errorf("exchange = %+v", ex)
		}
	}
	if first.Local != second.Local || first.Dialed == 0 || second.Dialed != 0 {
		t.Errorf("first dialed %v from %v, second %v from %v", first.Dialed, first.Local, second.Dialed, second.Local)
	}
}

func TestSpentConnectionIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"announced": strings.Replace(good, "\r\n", "\r\nConnection: close\r\n", 1),
		"excess":    good + "excess",
		"cut":       short,
	} {
		conn, err := Dial(t.Context(), server(t, answer(text)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		first := conn.Do(t.Context(), Request{})
		if name == "excess" && first.Excess != len("excess") {
			t.Errorf("%d bytes of excess", first.Excess)
		}
		if ex := conn.Do(t.Context(), Request{}); !errors.Is(ex.Err, ErrSpent) || ex.Outcome().Kind != Failed {
			t.Errorf("%s: %+v, want ErrSpent", name, ex)
		}
		conn.Close()
	}
}

func TestIdleConnectionClosedByPeer(t *testing.T) {
	conn, err := Dial(t.Context(), server(t, answer(good)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Do(t.Context(), Request{})
	ex := conn.Do(t.Context(), Request{})
	if kind := ex.Outcome().Kind; kind != Closed && kind != Reset { // RST if our request overtook the FIN
		t.Errorf("exchange = %+v", ex)
	}
}

func TestAnswerBeforeTheRequestIsWhole(t *testing.T) {
	addr := server(t, answerAndHang("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"))
	early := server(t, func(_ *testing.T, c *net.TCPConn) {
		readHead(c)
		io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		<-t.Context().Done() // reads no more: the request cannot be sent whole
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, addr := range []string{addr, early} {
		ex := Do(ctx, addr, Request{Method: "POST", Body: make([]byte, 32<<20)}, Options{})
		if ex.Outcome() != (Outcome{Complete, 413}) {
			t.Errorf("%+v, %s, %v", ex.Outcome(), ex.End, ex.Err)
		}
		if addr == early && ex.Sent != 0 {
			t.Errorf("sent after %v, want never", ex.Sent)
		}
	}
}

func TestResetThatTheSenderMet(t *testing.T) {
	addr := server(t, func(_ *testing.T, c *net.TCPConn) {
		readHead(c) // and leaves the body unread: closing sends RST
	})
	ex := Do(t.Context(), addr, Request{Method: "POST", Body: make([]byte, 32<<20)}, Options{})
	if ex.Outcome().Kind != Reset {
		t.Errorf("%+v, %s, want reset", ex.Outcome(), ex.End)
	}
}

func TestLimit(t *testing.T) {
	ex := Do(t.Context(), server(t, answer(endless+strings.Repeat("x", 5000))), Request{}, Options{MaxBytes: 1000})
	if ex.End != EndLimit || len(ex.Bytes()) != 1000 || ex.Outcome().Kind != Failed || ex.Err == nil {
		t.Errorf("%s after %d bytes, %+v, %v", ex.End, len(ex.Bytes()), ex.Outcome(), ex.Err)
	}
}

func TestContextEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := server(t, func(_ *testing.T, c *net.TCPConn) {
		readHead(c)
		cancel()
		io.Copy(io.Discard, c)
	})
	ex := Do(ctx, addr, Request{}, Options{Patience: time.Minute})
	if ex.End != EndCanceled || !errors.Is(ex.Err, context.Canceled) || ex.Outcome().Kind != Failed || ex.Done > 10*time.Second {
		t.Errorf("%s after %v, %+v, %v", ex.End, ex.Done, ex.Outcome(), ex.Err)
	}
}

func TestDialError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	ex := Do(t.Context(), l.Addr().String(), Request{}, Options{})
	if ex.End != EndDialError || !errors.Is(ex.Err, syscall.ECONNREFUSED) || ex.Outcome().Kind != Failed {
		t.Errorf("%s, %+v, %v", ex.End, ex.Outcome(), ex.Err)
	}
}

func TestLocalAddr(t *testing.T) {
	from := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	ex := Do(t.Context(), server(t, answer(good)), Request{}, Options{LocalAddr: from.AddrPort()})
	if ex.Outcome().Kind != Complete || !ex.Local.Addr().IsLoopback() {
		t.Errorf("%+v from %v", ex.Outcome(), ex.Local)
	}
}

func TestDialOfAnother(t *testing.T) {
	addr := server(t, answer(good))
	ex := Do(t.Context(), "no.such.host:80", Request{}, Options{Dial: func(ctx context.Context, network, to string) (net.Conn, error) {
		if _, ok := ctx.Deadline(); !ok || network != "tcp" || to != "no.such.host:80" {
			t.Errorf("dialed %s %s, with a deadline: %v", network, to, ok)
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}})
	if ex.Outcome() != (Outcome{Complete, 200}) || ex.Remote.String() != addr {
		t.Errorf("%+v from %s", ex.Outcome(), ex.Remote)
	}
	refused := errors.New("refused")
	ex = Do(t.Context(), addr, Request{}, Options{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, refused }})
	if ex.End != EndDialError || !errors.Is(ex.Err, refused) {
		t.Errorf("%s, %v", ex.End, ex.Err)
	}
}
