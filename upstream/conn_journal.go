package upstream

import "strings"

// journalRequest tells of a request whose head was read.
func (c *conn) journalRequest(q *request, e *Event) {
	e.Kind = Requested
	c.journalOf(q, e)
}

// journalOf tells of something that happened to a request. Nothing of it needs memory of its own: the journal copies the target.
func (c *conn) journalOf(q *request, e *Event) {
	var target []byte
	if q.hasHead {
		e.Method, target = clip(q.method(), maxMethod), q.head.RequestURI()
	}
	e.Endpoint, e.Conn, e.Request, e.Remote = c.ep.id, c.id, c.n, c.remote
	c.ep.up.journal.addRequest(e, target[:min(len(target), maxTarget)])
}

// What the journal keeps of texts that come from the network, in bytes, and of runs of sent bytes.
const (
	maxMethod = 32
	maxTarget = 512
	maxDetail = 256
	maxSample = 256
)

// clip copies the first n bytes, so that the long text is not kept.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.Clone(s[:n])
}

func (c *conn) journal(e Event) {
	e.Endpoint, e.Conn, e.Request, e.Remote = c.ep.id, c.id, c.n, c.remote
	e.Method, e.Target, e.Detail = clip(e.Method, maxMethod), clip(e.Target, maxTarget), clip(e.Detail, maxDetail)
	c.ep.up.journal.Add(e)
}
