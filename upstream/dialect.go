package upstream

import "net/textproto"

// dialect makes requests of the frames or records of a connection that does not speak HTTP/1. Requests are served one
// after another, in the order in which they began: a fault owns the whole connection, also where its protocol multiplexes.
type dialect interface {
	await() error              // until a request has begun
	readHead(q *request) error // of that request; see conn.readHead
	readBody(q *request) error // and throws it away
	respond(q *request, status int, body string) error
	stream() uint32 // the number that the frames of the request under way carry
	abandon()       // what the peer still sends of the request under way is ignored
	finish()        // the request under way is over
}

// setField adds a field of a request that came in another form than HTTP/1.
func (q *request) setField(name, value string) {
	q.head.Add(textproto.CanonicalMIMEHeaderKey(name), value)
}

// begun notes that a request's head is known.
func (c *conn) begun(q *request) {
	q.hasHead = true
	c.n++
	c.ep.served.Add(1)
}

// awaitRequest returns when the next request has begun.
func (c *conn) awaitRequest() error {
	if c.dialect != nil {
		return c.dialect.await()
	}
	_, err := c.r.Peek(1)
	return err
}
