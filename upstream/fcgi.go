package upstream

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gatefault/gatefault/upstream/wire"
)

// FastCGI is FastCGI 1.0 in the role of a responder.
const FastCGI Protocol = "fcgi"

// fcgi is the application's side of a FastCGI connection. Requests are not multiplexed, as FCGI_MPXS_CONNS=0 says.
type fcgi struct {
	c    *conn
	id   uint16 // of the request under way
	keep bool   // FCGI_KEEP_CONN
}

// record is a record without its padding.
type record struct {
	typ     uint8
	id      uint16
	content []byte
}

// serveFastCGI serves requests until the connection is over.
func (c *conn) serveFastCGI() *wire.Ended {
	c.dialect = &fcgi{c: c}
	return c.serveHTTP1()
}

// readRecord reads one record (FastCGI 1.0 §3.3).
func readRecord(r io.Reader) (record, error) {
	var head [wire.FCGIHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return record{}, err
	}
	if head[0] != 1 {
		return record{}, &badRequestError{http.StatusBadRequest, fmt.Sprintf("the request is no FastCGI: its version is %d, not 1", head[0])}
	}
	length := int(binary.BigEndian.Uint16(head[4:6]))
	b := make([]byte, length+int(head[6]))
	_, err := io.ReadFull(r, b)
	return record{head[1], binary.BigEndian.Uint16(head[2:4]), b[:length]}, err
}

// await answers management records until a request has begun (FastCGI 1.0 §4).
func (f *fcgi) await() error {
	for f.id == 0 {
		rec, err := readRecord(f.c.r)
		if err == nil {
			err = f.open(rec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// open begins a request or answers a management record; what is left of an ended request is ignored (FastCGI 1.0 §3.3).
func (f *fcgi) open(rec record) error {
	switch {
	case rec.typ == wire.FCGIValues:
		_, err := f.c.net.Write(wire.AppendFCGI(nil, wire.FCGIResult, 0, []byte("\x0f\x01FCGI_MPXS_CONNS0")))
		return err
	case rec.id == 0:
		_, err := f.c.net.Write(wire.AppendFCGI(nil, wire.FCGIUnknown, 0, []byte{rec.typ, 0, 0, 0, 0, 0, 0, 0}))
		return err
	case rec.typ != wire.FCGIBegin:
		return nil
	case len(rec.content) < 8 || binary.BigEndian.Uint16(rec.content) != 1:
		return &badRequestError{http.StatusBadRequest, "the request is no FastCGI: it is not for a responder"}
	}
	f.id, f.keep = rec.id, rec.content[2]&1 != 0
	return nil
}

func (f *fcgi) readHead(q *request) error {
	if q.hasHead {
		return nil
	}
	if err := f.await(); err != nil {
		return err
	}
	var params []byte
	keep := func(b []byte) { params = append(params, b...) }
	if err := f.readStream(wire.FCGIParams, maxHead, keep); err != nil {
		return err
	}
	var t cgiTarget
	if err := eachParam(params, func(name, value string) { q.setParam(name, value); t.note(name, value) }); err != nil {
		return err
	}
	q.head.SetRequestURI(t.String())
	if !f.keep {
		q.head.SetConnectionClose()
	}
	f.c.begun(q)
	return nil
}

// setParam takes over a CGI variable (RFC 3875 §4.1).
func (q *request) setParam(name, value string) {
	switch {
	case name == "REQUEST_METHOD":
		q.head.SetMethod(value)
	case strings.HasPrefix(name, "HTTP_"):
		q.setField(strings.ReplaceAll(name[5:], "_", "-"), value)
	}
}

// cgiTarget is what tells the target of a request. REQUEST_URI is none of CGI's variables, but usual; gateways that are told
// not to send it send those of CGI (RFC 3875 §4.1).
type cgiTarget struct{ uri, script, info, query string }

func (t *cgiTarget) note(name, value string) {
	switch name {
	case "REQUEST_URI":
		t.uri = value
	case "SCRIPT_NAME":
		t.script = value
	case "PATH_INFO":
		t.info = value
	case "QUERY_STRING":
		t.query = value
	}
}

// String is the target as the client sent it, as far as is known.
func (t *cgiTarget) String() string {
	switch {
	case t.uri != "":
		return t.uri
	case t.query != "":
		return t.script + t.info + "?" + t.query
	}
	return t.script + t.info
}

// readStream reads the records of one stream up to the empty one that ends it; limit bounds their bytes.
func (f *fcgi) readStream(typ uint8, limit int64, use func([]byte)) error {
	for total := int64(0); ; {
		rec, err := readRecord(f.c.r)
		switch {
		case err != nil:
			return err
		case rec.id != f.id:
			if err := f.other(rec); err != nil {
				return err
			}
			continue
		case rec.typ == wire.FCGIAbort:
			return &wire.Ended{By: "peer", How: wire.FIN}
		case rec.typ != typ:
			return &badRequestError{http.StatusBadRequest, fmt.Sprintf("the request is no FastCGI: a record of type %d came in the place of %d", rec.typ, typ)}
		case len(rec.content) == 0:
			return nil
		}
		if total += int64(len(rec.content)); total > limit {
			return &badRequestError{http.StatusRequestEntityTooLarge, fmt.Sprintf("a stream of the request is larger than %d bytes", limit)}
		}
		use(rec.content)
	}
}

// other answers what comes in the middle of a request and does not belong to it: a second request is refused (FastCGI 1.0 §5.5).
func (f *fcgi) other(rec record) error {
	if rec.typ != wire.FCGIBegin {
		return nil
	}
	const cannotMultiplex = 1
	_, err := f.c.net.Write(wire.AppendFCGIEnd(nil, rec.id, cannotMultiplex))
	return err
}

// eachParam reads name-value pairs (FastCGI 1.0 §3.4).
func eachParam(b []byte, use func(name, value string)) error {
	for len(b) > 0 {
		var lengths [2]int
		for i := range lengths {
			n, rest, ok := paramLength(b)
			if !ok {
				return errParams
			}
			lengths[i], b = n, rest
		}
		name, value := lengths[0], lengths[1]
		if name > len(b) || value > len(b)-name {
			return errParams
		}
		use(string(b[:name]), string(b[name:name+value]))
		b = b[name+value:]
	}
	return nil
}

var errParams = &badRequestError{http.StatusBadRequest, "the request is no FastCGI: a name-value pair is cut"}

// paramLength reads a length of one byte or, with the high bit set, of four.
func paramLength(b []byte) (n int, rest []byte, ok bool) {
	switch {
	case len(b) > 0 && b[0] < 0x80:
		return int(b[0]), b[1:], true
	case len(b) >= 4:
		return int(binary.BigEndian.Uint32(b) &^ (1 << 31)), b[4:], true
	}
	return 0, nil, false
}

func (f *fcgi) readBody(q *request) error {
	if q.hasBody {
		return nil
	}
	q.hasBody = true
	return f.readStream(wire.FCGIStdin, f.c.ep.up.opts.MaxBody, func([]byte) {})
}

// respond answers in the form of CGI (RFC 3875 §6) and ends the request.
func (f *fcgi) respond(q *request, status int, body string) error {
	if !q.hasHead { // there is no request that an answer could belong to
		return nil
	}
	if q.head.IsHead() {
		body = ""
	}
	text := fmt.Appendf(nil, "Status: %d %s\r\nContent-Type: text/plain\r\n", status, http.StatusText(status))
	text = appendFreshness(f.c.sentinel(text), q)
	text = append(append(text, "\r\n"...), body...)
	b := wire.AppendFCGI(f.c.out[:0], wire.FCGIStdout, f.id, text)
	b = wire.AppendFCGIEnd(b, f.id, wire.FCGIComplete)
	f.c.out = b
	_, err := f.c.net.Write(b)
	return err
}

func (f *fcgi) stream() uint32 { return uint32(f.id) }

func (f *fcgi) abandon() {}

func (f *fcgi) finish() { f.id = 0 }
