package probe

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

// ending reads data, some bytes at a time, and ends with err.
type ending struct {
	data []byte
	step int
	err  error
}

func (e *ending) Read(p []byte) (int, error) {
	if len(e.data) == 0 {
		return 0, e.err
	}
	n := copy(p, e.data[:min(e.step, len(e.data))])
	e.data = e.data[n:]
	return n, nil
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		good, short, endless, chunked, chunked + "0\r\n\r\n", chunked + "zz\r\n", halfHead, "", "HT", "<p>",
		"HTTP/1.1 100 Continue\r\n\r\n" + good, "HTTP/1.1 204 No\r\n\r\nbody", "HTTP/1.0 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n", huge, "HTTP/1.1 200 OK\r\nTrailer: A\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n",
	} {
		f.Add([]byte(text), uint8(0), uint8(7), false)
	}
	f.Add([]byte(switched+"\x81\x05hello\x81\x7e\x00\x01x\x88\x02\x03\xe8"), uint8(1), uint8(6), false)
	ends := []error{io.EOF, syscall.ECONNRESET, os.ErrDeadlineExceeded}
	f.Fuzz(func(t *testing.T, data []byte, end, step uint8, head bool) {
		const limit = 1 << 16
		src := &recorder{
			from:  &ending{data: data, step: int(step) + 1, err: ends[int(end)%len(ends)]},
			start: time.Now(), left: limit,
		}
		method := "GET"
		if head {
			method = "HEAD"
		}
		var ex Exchange
		reusable := parser{in: bufio.NewReaderSize(src, bufferSize), src: src, ex: &ex, upgrade: step%2 == 0}.run(method)
		ex.Chunks, ex.End = src.chunks, endOf(src.err)
		check(t, ex, reusable, data[:min(len(data), limit)])
	})
}

// check holds what must be true of every exchange.
func check(t *testing.T, ex Exchange, reusable bool, data []byte) {
	t.Helper()
	if !bytes.HasPrefix(data, ex.Bytes()) {
		t.Error("the record is not what was sent")
	}
	if int64(len(ex.Body)) != ex.BodyLen || ex.BodyLen > int64(len(data)) {
		t.Errorf("a body of %d bytes, %d kept, out of %d received", ex.BodyLen, len(ex.Body), len(data))
	}
	if reusable && !ex.Complete {
		t.Error("reusable, but not complete")
	}
	if ex.Complete && (ex.Header == nil || ex.Malformed != "") {
		t.Errorf("complete, but malformed: %q", ex.Malformed)
	}
	o := ex.Outcome()
	hasStatus := slices.Contains([]Kind{Complete, Truncated}, o.Kind) || o.Kind == Hang && ex.Header != nil
	if hasStatus != (o.Status >= 100 && o.Status <= 999) || !hasStatus && o.Status != 0 {
		t.Errorf("outcome %+v", o)
	}
	if len(data) > 0 && (o.Kind == Closed || o.Kind == Reset) {
		t.Errorf("%s, with %d bytes", o.Kind, len(data))
	}
}
