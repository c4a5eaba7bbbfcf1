package probe

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
)

// opClose is the WebSocket frame that announces the end (RFC 6455 section 5.5.1).
const opClose = 8

// upgrades tells whether the request asks for a WebSocket.
func (r Request) upgrades() bool {
	for _, h := range r.Header {
		if strings.EqualFold(h[0], "Upgrade") && strings.EqualFold(h[1], "websocket") {
			return true
		}
	}
	return false
}

// webSocket reads frames until one says that the peer closes. An end without it is a cut that the client can tell (RFC
// 6455 section 7.1.5).
func (p parser) webSocket() {
	var body strings.Builder
	defer func() { p.ex.Body, p.ex.BodyLen = []byte(body.String()), int64(body.Len()) }()
	for {
		op, err := p.frame(&body)
		if err != nil {
			p.broken(err)
			return
		}
		if op == opClose {
			p.ex.Complete = true
			return
		}
	}
}

// frame reads one frame (RFC 6455 section 5.2) and gives its payload to body, unless it is a control frame.
func (p parser) frame(body io.Writer) (op byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(p.in, head[:]); err != nil {
		return 0, err
	}
	if head[1]&0x80 != 0 {
		return 0, errors.New("a WebSocket frame from the server is masked (RFC 6455 section 5.1)")
	}
	n, err := p.frameLength(head[1])
	if err != nil {
		return 0, err
	}
	if op = head[0] & 0xf; op >= opClose {
		body = io.Discard
	}
	_, err = io.CopyN(body, p.in, n)
	return op, err
}

func (p parser) frameLength(short byte) (int64, error) {
	switch short {
	case 126:
		var n uint16
		err := binary.Read(p.in, binary.BigEndian, &n)
		return int64(n), err
	case 127:
		var n int64
		err := binary.Read(p.in, binary.BigEndian, &n)
		if n < 0 {
			err = errors.New("a WebSocket frame has a negative length")
		}
		return n, err
	}
	return int64(short), nil
}
