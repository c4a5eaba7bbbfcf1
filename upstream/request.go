package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gatefault/gatefault/upstream/fault"
)

// request is the request under way on a connection.
type request struct {
	head     fasthttp.RequestHeader
	hasHead  bool
	hasBody  bool
	spoiled  bool // what follows on the connection cannot be told apart any more
	targetOf string
}

func (q *request) reset() {
	q.head.Reset()
	q.hasHead, q.hasBody, q.spoiled, q.targetOf = false, false, false, ""
}

func (q *request) method() string {
	if !q.hasHead {
		return ""
	}
	return methodName(q.head.Method())
}

// methodName gives the usual methods without making a string (RFC 9110 §9.3).
func methodName(b []byte) string {
	for _, name := range [...]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch} {
		if string(b) == name {
			return name
		}
	}
	return string(b)
}

func (q *request) target() string {
	if q.targetOf == "" && q.hasHead {
		q.targetOf = string(q.head.RequestURI())
	}
	return q.targetOf
}

// path is the target without its query.
func (q *request) path() []byte {
	path, _, _ := bytes.Cut(q.head.RequestURI(), []byte("?"))
	return path
}

func (q *request) field(name string) string { return string(q.head.Peek(name)) }

// badRequestError is a request that cannot be served.
type badRequestError struct {
	status int
	why    string
}

func (e *badRequestError) Error() string { return e.why }

// readHead reads the head unless that is done.
func (c *conn) readHead(q *request) error {
	if q.hasHead {
		return nil
	}
	if c.dialect != nil {
		return c.dialect.readHead(q)
	}
	err := q.head.Read(c.r)
	if isSmall(err) && c.r.Size() < maxHead {
		c.grow()
		err = q.head.Read(c.r)
	}
	if err != nil {
		return c.headError(err)
	}
	c.begun(q)
	return nil
}

// isSmall tells whether a head is larger than the buffer.
func isSmall(err error) bool {
	if err == nil { // else the target of errors.As would cost every request an allocation
		return false
	}
	var small *fasthttp.ErrSmallBuffer
	return errors.As(err, &small)
}

// headError tells a request that is no HTTP, or too large, from a connection that ended.
func (c *conn) headError(err error) error {
	if isSmall(err) {
		return &badRequestError{http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("the request's head is larger than %d bytes", maxHead)}
	}
	if end := c.ended(err); end.By == "peer" || c.ctx.Err() != nil {
		return end
	}
	return &badRequestError{http.StatusBadRequest, "the request is no HTTP: " + err.Error()}
}

// readAll reads head and body.
func (c *conn) readAll(q *request) error {
	if err := c.readHead(q); err != nil {
		return err
	}
	return c.readBody(q)
}

// readBody reads the body and throws it away.
func (c *conn) readBody(q *request) error {
	if c.dialect != nil {
		return c.dialect.readBody(q)
	}
	if q.hasBody {
		return nil
	}
	q.hasBody = true
	n := q.head.ContentLength()
	if n == 0 || n == -2 { // -2: neither length nor chunked, so no body (RFC 9112 §6.3)
		return nil
	}
	if int64(n) > c.ep.up.opts.MaxBody {
		return &badRequestError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the request's body is larger than %d bytes", c.ep.up.opts.MaxBody)}
	}
	if bytes.EqualFold(q.head.Peek("Expect"), []byte("100-continue")) {
		if _, err := c.net.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return err
		}
	}
	if n > 0 {
		_, err := io.CopyN(io.Discard, c.r, int64(n))
		return err
	}
	return c.readChunked()
}

// readChunked reads a chunked body and its trailer section (RFC 9112 §7.1).
func (c *conn) readChunked() error {
	limit := c.ep.up.opts.MaxBody
	n, err := io.CopyN(io.Discard, httputil.NewChunkedReader(c.r), limit+1)
	if n > limit {
		return &badRequestError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the request's body is larger than %d bytes", limit)}
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	for range 100 {
		line, err := c.r.ReadSlice('\n')
		if err != nil || len(bytes.TrimRight(line, "\r\n")) == 0 {
			return err
		}
	}
	return &badRequestError{http.StatusBadRequest, "the request has more than 100 trailer fields"}
}

// EndpointField and NonceField carry the provenance of every well-formed answer: which endpoint made it, and for
// which connection and request.
const (
	EndpointField = "Gatefault-Endpoint"
	NonceField    = "Gatefault-Nonce"
	SelectField   = "Gatefault" // in-band choice of a fault
)

// LengthField tells the bytes of content of an answer that a gateway may decode on the way: with fewer, something is lost.
const LengthField = "Gatefault-Length"

// StrayMark ends the nonce of an answer that no request asked for; scripts send it with ${stray}.
const StrayMark = "-stray"

// respond writes a well-formed answer.
func (c *conn) respond(q *request, status int, body string) error {
	if c.dialect != nil {
		return c.dialect.respond(q, status, body)
	}
	b := append(c.out[:0], "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(append(b, ' '), http.StatusText(status)...)
	b = append(b, "\r\nDate: "...)
	b = append(b, httpDate()...)
	b = append(b, "\r\nContent-Type: text/plain\r\n"...)
	b = c.sentinel(b)
	b = appendFreshness(b, q)
	if q.head.ConnectionClose() || q.spoiled || c.ep.draining.Load() {
		b = append(b, "Connection: close\r\n"...)
	} else if !q.head.IsHTTP11() {
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	if !q.head.IsHead() {
		b = append(b, body...)
	}
	c.out = b
	_, err := c.net.Write(b)
	return err
}

// appendFreshness lets caches keep the answer for N seconds if the query has max-age=N, up to six digits.
func appendFreshness(b []byte, q *request) []byte {
	_, query, _ := bytes.Cut(q.head.RequestURI(), []byte("?"))
	for len(query) > 0 {
		var part []byte
		part, query, _ = bytes.Cut(query, []byte("&"))
		age, found := bytes.CutPrefix(part, []byte("max-age="))
		if !found {
			continue
		}
		if _, err := strconv.ParseUint(string(age), 10, 20); err == nil {
			return append(append(append(b, "Cache-Control: max-age="...), age...), "\r\n"...)
		}
	}
	return b
}

// sentinel appends the provenance fields.
func (c *conn) sentinel(b []byte) []byte {
	b = append(append(append(b, EndpointField+": "...), c.ep.id...), "\r\n"+NonceField+": "...)
	return append(c.appendNonce(b), "\r\n"...)
}

// dateNow caches the Date field, which has a resolution of one second (RFC 9110 §5.6.7).
var dateNow atomic.Pointer[cachedDate]

type cachedDate struct {
	second int64
	text   string
}

func httpDate() string {
	now := time.Now()
	if d := dateNow.Load(); d != nil && d.second == now.Unix() {
		return d.text
	}
	d := &cachedDate{now.Unix(), now.UTC().Format(http.TimeFormat)}
	dateNow.Store(d)
	return d.text
}

// inBand gives the rule that a request chose for itself with "Gatefault: fault;param=value" or "?gatefault=fault".
func inBand(q *request, p Protocol) (*rule, error) {
	text := q.field(SelectField)
	if text == "" {
		var args fasthttp.Args
		_, query, _ := bytes.Cut(q.head.RequestURI(), []byte("?"))
		args.ParseBytes(query)
		text = string(args.Peek("gatefault"))
	}
	if text == "" {
		return nil, nil
	}
	name, args, err := parseSelection(text)
	if err != nil {
		return nil, err
	}
	r, err := Rule{Fault: name, Params: args}.compile(0, 0, time.Now())
	if err != nil {
		return nil, err
	}
	if !p.speaks(r.fault) {
		return nil, fmt.Errorf("%s is a fault of %s, and this endpoint speaks %s", name, r.fault.Protocol, p)
	}
	if r.fault.Level != fault.Request || len(r.fault.Needs) > 0 || r.handler != nil {
		return nil, fmt.Errorf("%s concerns more than one request, so a request cannot choose it", name)
	}
	return r, nil
}

// maxSelection bounds the in-band text.
const maxSelection = 1024

func parseSelection(text string) (string, fault.Args, error) {
	if len(text) > maxSelection {
		return "", nil, errors.New("the in-band choice is too long")
	}
	name, rest, _ := bytes.Cut([]byte(text), []byte(";"))
	args := fault.Args{}
	for part := range bytes.SplitSeq(rest, []byte(";")) {
		key, val, ok := bytes.Cut(bytes.TrimSpace(part), []byte("="))
		if !ok && len(key) > 0 {
			return "", nil, fmt.Errorf("in-band parameter %q is not name=value", key)
		}
		if ok {
			args[string(key)] = string(val)
		}
	}
	return string(bytes.TrimSpace(name)), args, nil
}
