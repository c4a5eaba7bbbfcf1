package upstream

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/gatefault/gatefault/upstream/wire"
)

// HTTP2 is HTTP/2 in the clear by clients that know it beforehand (RFC 9113 §3.3).
const HTTP2 Protocol = "h2"

// Limits of one HTTP/2 connection, which the peer is told.
const (
	maxStreams   = 100       // begun and not answered
	maxFieldList = maxHead   // bytes of one header section as RFC 9113 §6.5.2 counts them
	h2Window     = 65_535    // of RFC 9113 §6.9.2; what is read is given back at once
	maxWindow    = 1<<31 - 1 // RFC 9113 §6.9.1
)

// h2 is the server's side of an HTTP/2 connection.
type h2 struct {
	c       *conn
	in      *http2.Framer // reads
	out     *http2.Framer // writes what is not part of an answer
	began   []*h2stream   // begun and not answered, oldest first; the first is under way
	last    uint32        // the highest stream of the peer
	window  int64         // what may still be sent on the connection
	initial int64         // and on a new stream
}

// h2stream is one request.
type h2stream struct {
	id     uint32
	head   *http2.MetaHeadersFrame
	ended  bool  // the peer has sent all of it, or it does not matter any more
	reset  bool  // by the peer
	window int64 // what may be sent on it
	body   int64 // bytes so far
}

// serveHTTP2 serves requests until the connection is over.
func (c *conn) serveHTTP2() *wire.Ended {
	h := &h2{c: c, in: http2.NewFramer(io.Discard, c.r), out: http2.NewFramer(c.net, nil), window: h2Window, initial: h2Window}
	h.in.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	h.in.MaxHeaderListSize = maxFieldList
	h.in.SetMaxReadFrameSize(wire.MaxH2Frame)
	c.dialect = h
	if err := h.preface(); err != nil {
		return c.badRequest(err)
	}
	return c.serveHTTP1()
}

// preface reads the client's preface and sends the server's (RFC 9113 §3.4).
func (h *h2) preface() error {
	got, err := h.c.r.Peek(len(http2.ClientPreface))
	if err != nil && len(got) == 0 || string(got) != http2.ClientPreface[:len(got)] {
		return notH2(err, got)
	}
	if err != nil {
		return err
	}
	_, _ = h.c.r.Discard(len(got))
	return h.out.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: maxStreams},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxFieldList})
}

func notH2(err error, got []byte) error {
	if len(got) == 0 {
		return err
	}
	return &badRequestError{http.StatusBadRequest, fmt.Sprintf("the connection does not begin with HTTP/2's preface but with %.40q", got)}
}

// await reads frames until a request has begun.
func (h *h2) await() error {
	for len(h.began) == 0 {
		if err := h.readFrame(); err != nil {
			return err
		}
	}
	return nil
}

func (h *h2) readHead(q *request) error {
	if q.hasHead {
		return nil
	}
	if err := h.await(); err != nil {
		return err
	}
	head := h.began[0].head
	q.head.SetMethod(head.PseudoValue("method"))
	q.head.SetRequestURI(head.PseudoValue("path"))
	q.head.SetHost(head.PseudoValue("authority"))
	for _, f := range head.RegularFields() {
		q.setField(f.Name, f.Value)
	}
	h.c.begun(q)
	return nil
}

func (h *h2) readBody(q *request) error {
	if q.hasBody {
		return nil
	}
	q.hasBody = true
	for !h.began[0].ended {
		if err := h.readFrame(); err != nil {
			return err
		}
	}
	return nil
}

func (h *h2) stream() uint32 {
	if len(h.began) == 0 {
		return h.last
	}
	return h.began[0].id
}

func (h *h2) abandon() {
	if len(h.began) > 0 {
		h.began[0].ended = true
	}
}

// finish forgets the request under way.
func (h *h2) finish() {
	if len(h.began) > 0 {
		h.began = h.began[1:]
	}
}

// respond answers the request under way. Without one the connection is beyond repair: GOAWAY says so (RFC 9113 §5.4.1).
func (h *h2) respond(q *request, status int, body string) error {
	if !q.hasHead {
		return h.out.WriteGoAway(h.last, http2.ErrCodeProtocol, []byte(body))
	}
	s := h.began[0]
	if q.head.IsHead() {
		body = ""
	}
	fields := []hpack.HeaderField{{Name: ":status", Value: strconv.Itoa(status)}, {Name: "date", Value: httpDate()},
		{Name: "content-type", Value: "text/plain"}, {Name: "content-length", Value: strconv.Itoa(len(body))}}
	own, _ := wire.H2Fields(string(appendFreshness(h.c.sentinel(nil), q)))
	b, err := wire.H2Headers(s.id, append(fields, own...), body == "")
	if err != nil {
		return err
	}
	if body != "" {
		if err := h.awaitWindow(s, int64(len(body))); err != nil || s.reset {
			return err
		}
		data, err := wire.H2Data(s.id, []byte(body), true)
		if err != nil {
			return err
		}
		b = append(b, data...)
	}
	h.c.out = b
	_, err = h.c.net.Write(b)
	return err
}

// awaitWindow takes n bytes from the peer's windows, once they are that large (RFC 9113 §6.9.1).
func (h *h2) awaitWindow(s *h2stream, n int64) error {
	for (h.window < n || s.window < n) && !s.reset {
		if err := h.readFrame(); err != nil {
			return err
		}
	}
	h.window -= n
	return nil
}

// readFrame reads one frame and does what it asks for.
func (h *h2) readFrame() error {
	f, err := h.in.ReadFrame()
	if err != nil {
		return h.frameError(err)
	}
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		return h.headers(f)
	case *http2.DataFrame:
		return h.data(f)
	case *http2.SettingsFrame:
		return h.settings(f)
	case *http2.WindowUpdateFrame:
		return h.widen(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			return h.out.WritePing(true, f.Data)
		}
	case *http2.RSTStreamFrame:
		if s := h.find(f.StreamID); s != nil {
			s.ended, s.reset = true, true
		}
	}
	return nil // PRIORITY, GOAWAY and unknown types ask for nothing
}

// frameError tells bytes that are no HTTP/2 from a connection that ended.
func (h *h2) frameError(err error) error {
	var broken http2.ConnectionError
	var stream http2.StreamError
	if errors.As(err, &broken) || errors.As(err, &stream) || errors.Is(err, http2.ErrFrameTooLarge) {
		return &badRequestError{http.StatusBadRequest, "the request is no HTTP/2: " + err.Error()}
	}
	return err
}

func (h *h2) find(id uint32) *h2stream {
	i := slices.IndexFunc(h.began, func(s *h2stream) bool { return s.id == id })
	if i < 0 {
		return nil
	}
	return h.began[i]
}

// headers begins a request, or ends one by its trailer section.
func (h *h2) headers(f *http2.MetaHeadersFrame) error {
	if s := h.find(f.StreamID); s != nil {
		s.ended = s.ended || f.StreamEnded()
		return nil
	}
	switch {
	case f.StreamID <= h.last: // trailers of a request that was answered or abandoned
		return nil
	case f.StreamID%2 == 0:
		return &badRequestError{http.StatusBadRequest, "the request has an even stream number (RFC 9113 §5.1.1)"}
	case f.Truncated:
		return &badRequestError{http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("the request's head is larger than %d bytes", maxFieldList)}
	}
	h.last = f.StreamID
	if len(h.began) >= maxStreams {
		return h.out.WriteRSTStream(f.StreamID, http2.ErrCodeRefusedStream)
	}
	h.began = append(h.began, &h2stream{id: f.StreamID, head: f, ended: f.StreamEnded(), window: h.initial})
	return nil
}

// data throws a part of a body away and gives its room back (RFC 9113 §6.9).
func (h *h2) data(f *http2.DataFrame) error {
	n := f.Header().Length
	s := h.find(f.StreamID)
	if s != nil {
		s.ended = s.ended || f.StreamEnded()
		if s.body += int64(n); s.body > h.c.ep.up.opts.MaxBody {
			return &badRequestError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the request's body is larger than %d bytes", h.c.ep.up.opts.MaxBody)}
		}
	}
	if n == 0 {
		return nil
	}
	if err := h.out.WriteWindowUpdate(0, n); err != nil || s == nil || s.ended {
		return err
	}
	return h.out.WriteWindowUpdate(f.StreamID, n)
}

// settings takes over what concerns our answers (RFC 9113 §6.5).
func (h *h2) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if v, ok := f.Value(http2.SettingInitialWindowSize); ok {
		for _, s := range h.began {
			s.window += int64(v) - h.initial
		}
		h.initial = int64(v)
	}
	return h.out.WriteSettingsAck()
}

// widen adds to a window.
func (h *h2) widen(f *http2.WindowUpdateFrame) error {
	window := &h.window
	if f.StreamID != 0 {
		s := h.find(f.StreamID)
		if s == nil {
			return nil
		}
		window = &s.window
	}
	*window = min(*window+int64(f.Increment), maxWindow) // what scripts send is not counted
	return nil
}
