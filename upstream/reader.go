package upstream

import (
	"bufio"
	"bytes"
	"io"
	"sync"
)

// readBuffer holds usual heads; maxHead is the largest head taken.
const (
	readBuffer = 4 << 10
	maxHead    = 64 << 10
)

// readers hold the buffers that no connection has.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }}

// borrow gives the connection's reader a buffer.
func (c *conn) borrow() {
	*c.r = *readers.Get().(*bufio.Reader)
	c.r.Reset(c.tcp)
}

// giveBack takes the buffer, and what is in it, from the connection's reader.
func (c *conn) giveBack() {
	if c.r.Size() == readBuffer {
		spare := new(bufio.Reader)
		*spare = *c.r
		spare.Reset(nil)
		readers.Put(spare)
	}
	*c.r = bufio.Reader{}
}

// grow gives the reader the largest buffer a head may need, keeping what it holds.
func (c *conn) grow() {
	held, _ := c.r.Peek(c.r.Buffered())
	*c.r = *bufio.NewReaderSize(io.MultiReader(bytes.NewReader(bytes.Clone(held)), c.net), maxHead)
}
