package probe

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// errLimit ends the reading of an answer that is too long.
var errLimit = errors.New("the answer is longer than the probe's limit")

// recorder passes on what it reads and keeps it, with the time.
type recorder struct {
	from   io.Reader
	start  time.Time
	left   int64 // bytes that may still come
	chunks []Chunk
	err    error // what ended the reading; nil as long as more may come
}

func (r *recorder) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.left == 0 {
		r.err = errLimit
		return 0, r.err
	}
	n, err := r.from.Read(p[:min(int64(len(p)), r.left)])
	if n > 0 {
		r.left -= int64(n)
		r.chunks = append(r.chunks, Chunk{At: time.Since(r.start), Data: bytes.Clone(p[:n])})
	}
	r.err = err
	return n, err
}
