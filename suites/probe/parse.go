package probe

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
)

// parser reads one answer into ex. It uses net/http's parser, and is strict by
// itself about the status line. Where the connection ends too early it leaves
// ex incomplete; the recorder knows why.
type parser struct {
	in  *bufio.Reader // reads from src
	src *recorder
	ex  *Exchange

	capped bool // see capLength
	// upgrade says that the request asked for a WebSocket.
	upgrade bool
}

// run reads interim answers and the final one (RFC 9110 section 15.2). It tells
// whether the connection may carry another request afterwards.
func (p parser) run(method string) (reusable bool) {
	for {
		if !p.statusLine() {
			return false
		}
		response, err := http.ReadResponse(p.in, &http.Request{Method: method})
		if err != nil {
			p.unread(method, err)
			return false
		}
		if s := p.ex.Status; s >= 200 || s == http.StatusSwitchingProtocols {
			return p.final(response, method)
		}
		p.ex.Interim = append(p.ex.Interim, p.ex.Status)
	}
}

// statusLinePattern is RFC 9112 section 4, and allows that the space before an
// empty reason is missing.
var statusLinePattern = regexp.MustCompile(`^HTTP/\d\.\d ([1-9]\d\d)( [^\r]*)?\r?\n`)

// statusLine looks at the first line without consuming it.
func (p parser) statusLine() bool {
	line, whole := p.firstLine()
	if match := statusLinePattern.FindSubmatch(line); match != nil {
		p.ex.Status, _ = strconv.Atoi(string(match[1])) // three digits
		return true
	}
	switch {
	case whole || !startsLikeHTTP(line):
		p.ex.Malformed = fmt.Sprintf("no status line: %.80q", line)
	case len(line) > 0 && !p.timedOut():
		p.ex.Malformed = fmt.Sprintf("the bytes end within the status line: %.80q", line)
	}
	return false
}

func (p parser) timedOut() bool { return endOf(p.src.err) == EndTimeout }

// firstLine returns the bytes up to and with the first line feed, or as much
// as there is. It waits for no more once they cannot become a status line.
func (p parser) firstLine() (line []byte, whole bool) {
	for {
		line, _ = p.in.Peek(p.in.Buffered())
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			return line[:i+1], true
		}
		if !startsLikeHTTP(line) {
			return line, false
		}
		if _, err := p.in.Peek(len(line) + 1); err != nil {
			return line, errors.Is(err, bufio.ErrBufferFull) // no status line is that long
		}
	}
}

// startsLikeHTTP tells whether b is, or can become, the start of an answer.
func startsLikeHTTP(b []byte) bool {
	const start = "HTTP/"
	return string(b[:min(len(b), len(start))]) == start[:min(len(b), len(start))]
}

// unread notes why a head could not be read, or reads it with a length that
// net/http can hold.
func (p parser) unread(method string, err error) {
	if again, ok := p.capLength(); ok {
		again.run(method)
		return
	}
	p.broken(err)
}

// hugeLength is a Content-Length of 19 digits or more.
var hugeLength = regexp.MustCompile(`(?i)\ncontent-length:[ \t]*\d{19,}[ \t]*\r?\n`)

// capLength gives a parser that starts again and takes the largest length that
// net/http can hold for one that it cannot, which is valid (RFC 9110 section
// 8.6): neither is ever reached.
func (p parser) capLength() (parser, bool) {
	got := Exchange{Chunks: p.src.chunks}.Bytes()
	if p.capped || !hugeLength.Match(got) {
		return p, false
	}
	largest := fmt.Appendf(nil, "\nContent-Length: %d\r\n", math.MaxInt64)
	got = hugeLength.ReplaceAll(got, largest)
	p.in = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(got), p.src), bufferSize)
	p.capped, p.ex.Interim = true, nil
	return p, true
}

// broken notes why an answer could not be read to its end. If the connection
// ended, that is why, whatever the error says: net/http finds fault with a line
// or a trailer that is merely cut.
func (p parser) broken(err error) {
	if p.src.err == nil {
		p.ex.Malformed = err.Error()
	}
}

// final reads the body.
func (p parser) final(response *http.Response, method string) (reusable bool) {
	ex := p.ex
	ex.Proto, ex.Header, ex.Framing = response.Proto, response.Header, framing(response, method)
	if p.upgrade && ex.Status == http.StatusSwitchingProtocols {
		ex.Framing = FramingWebSocket
		p.webSocket()
		return false
	}
	var body bytes.Buffer
	n, err := io.Copy(&body, response.Body)
	ex.Body, ex.BodyLen = body.Bytes(), n
	if err != nil {
		p.broken(err)
		return false
	}
	ex.Complete = true
	ex.Excess = p.in.Buffered()
	return !response.Close && ex.Framing != FramingClose && ex.Excess == 0 && ex.Status != http.StatusSwitchingProtocols
}

func framing(r *http.Response, method string) Framing {
	switch {
	case method == http.MethodHead, r.StatusCode < 200,
		r.StatusCode == http.StatusNoContent, r.StatusCode == http.StatusNotModified:
		return FramingNone
	case len(r.TransferEncoding) > 0: // net/http knows no coding but chunked
		return FramingChunked
	case r.ContentLength >= 0:
		return FramingLength
	default:
		return FramingClose
	}
}
