package probe

import (
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// End says how an exchange ended on the wire.
type End string

const (
	EndComplete  End = "complete"   // the framing said that the answer was whole
	EndFIN       End = "fin"        // the peer closed
	EndReset     End = "reset"      // the peer sent RST
	EndTimeout   End = "timeout"    // the client's patience was over
	EndMalformed End = "malformed"  // the probe gave up on bytes that are no HTTP
	EndLimit     End = "limit"      // the answer was longer than Options.MaxBytes
	EndCanceled  End = "canceled"   // the context ended
	EndDialError End = "dial-error" // there was no connection, or no longer
	EndHandshake End = "handshake"  // there was no TLS: an alert, or something else than TLS
	EndAlert     End = "alert"      // the peer sent an alert of TLS after the handshake
	EndError     End = "error"      // any other error of the socket
)

// Framing says what marks the end of a body (RFC 9112 section 6.3).
type Framing string

const (
	FramingNone    Framing = "none" // no body: HEAD, 1xx, 204, 304
	FramingLength  Framing = "length"
	FramingChunked Framing = "chunked"
	FramingClose   Framing = "close" // the end of the connection; nothing tells a cut
	// After 101: frames up to the one that closes (RFC 6455 section 5.5.1).
	FramingWebSocket Framing = "websocket"
)

// Chunk is what one read from the socket returned.
type Chunk struct {
	At   time.Duration // since Exchange.Start
	Data []byte
}

// Exchange is all that the client saw of one request. Durations count from
// Start; one that is 0 means that this never happened.
type Exchange struct {
	Local, Remote netip.AddrPort

	Wrote     []byte        // the first bytes of the request, at most 1 KiB
	Start     time.Time     // when dialing began or, on a used connection, sending
	Dialed    time.Duration // the connection stood; 0 on a used connection
	Secured   time.Duration // the TLS handshake was over; 0 without TLS and on a used connection
	Sent      time.Duration // the whole request was handed to the kernel
	FirstByte time.Duration
	Done      time.Duration // the end was known

	Chunks []Chunk // every byte received
	End    End
	Err    error // the reason if End is dial-error, handshake, alert, limit, canceled or error

	Interim []int  // the 1xx answers before the final one
	Status  int    // of the last status line; 0 if none came
	Proto   string // HTTP/1.1; this and Header once the final head was whole
	Header  http.Header
	Framing Framing
	Body    []byte // decoded
	BodyLen int64
	// Complete says that the answer looks whole to a client. If Framing is close,
	// it looks so whatever was cut off, but over TLS it does not without a
	// close_notify (RFC 9112 section 9.8).
	Complete bool
	// Malformed says why the bytes are no HTTP: those of the head or, if Header
	// is there, of the body.
	Malformed string
	Excess    int // bytes that came along after the end of the answer
}

// Bytes returns all that was received, in one piece.
func (e Exchange) Bytes() []byte {
	var all []byte
	for _, c := range e.Chunks {
		all = append(all, c.Data...)
	}
	return all
}

// Kind is the sort of answer that the client alone can tell. Who made it, and
// whether it is as long as it should be, takes more than one witness.
type Kind string

const (
	Complete  Kind = "complete"  // a whole answer
	Truncated Kind = "truncated" // cut, and the client can tell (RFC 9112 section 8)
	Hang      Kind = "hang"      // no answer, or no end, until the patience was over
	Closed    Kind = "closed"    // FIN, or an alert, without a byte
	Reset     Kind = "reset"     // RST without a byte
	Raw       Kind = "raw"       // bytes that are not HTTP
	Failed    Kind = "failed"    // the probe could not find out: see Exchange.Err
)

// Outcome is the sort of answer, and its status where it has one.
type Outcome struct {
	Kind Kind
	// Status goes with complete and truncated always, and with hang if the
	// whole head had come.
	Status int
}

// Outcome tells what a client makes of the exchange.
func (e Exchange) Outcome() Outcome {
	switch {
	case e.End == EndDialError, e.End == EndHandshake, e.End == EndCanceled:
		return Outcome{Kind: Failed}
	case e.Complete:
		return Outcome{Complete, e.Status}
	case e.Malformed != "" && e.Header == nil:
		return Outcome{Kind: Raw}
	case e.End == EndTimeout && e.Malformed == "":
		return e.hang()
	case e.End == EndLimit:
		return Outcome{Kind: Failed}
	case len(e.Chunks) > 0:
		return Outcome{Truncated, e.Status}
	case e.End == EndFIN, e.End == EndAlert:
		return Outcome{Kind: Closed}
	case e.End == EndReset:
		return Outcome{Kind: Reset}
	default:
		return Outcome{Kind: Failed}
	}
}

func (e Exchange) hang() Outcome {
	if e.Header == nil {
		return Outcome{Kind: Hang}
	}
	return Outcome{Hang, e.Status}
}

// Redirect is where the answer sends the client (RFC 9110 section 15.4), as it
// says so: a reference that may be relative. It is nil if the answer is no
// redirect, or does not say where to.
func (e Exchange) Redirect() *url.URL {
	switch e.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	to, err := url.Parse(e.Header.Get("Location"))
	if err != nil || *to == (url.URL{}) {
		return nil
	}
	return to
}
