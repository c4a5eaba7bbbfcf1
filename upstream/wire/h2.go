package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// The HTTP/2 verbs act on the stream of the current request. They keep no state between them: every field is a literal
// that never enters the peer's table (RFC 7541 §6.2.3).

// MaxH2Frame is the largest payload, in bytes, that a peer takes unless it said otherwise (RFC 9113 §4.2).
const MaxH2Frame = 16 << 10

// h2FrameHead is the length of a frame's header (RFC 9113 §4.1).
const h2FrameHead = 9

// H2Fields reads a header section written as lines of "name: value"; names become lower case (RFC 9113 §8.2.1).
func H2Fields(block string) ([]hpack.HeaderField, error) {
	var fields []hpack.HeaderField
	for line := range strings.Lines(block) {
		line = strings.TrimRight(line, "\r\n")
		name, value, ok := strings.Cut(strings.TrimPrefix(line, ":"), ":") // a pseudo-field begins with a colon
		if !ok {
			return nil, fmt.Errorf("%q is not name: value", line)
		}
		if strings.HasPrefix(line, ":") {
			name = ":" + name
		}
		fields = append(fields, hpack.HeaderField{Name: strings.ToLower(name), Value: strings.TrimSpace(value), Sensitive: true})
	}
	return fields, nil
}

// H2Headers gives a HEADERS frame, with CONTINUATION frames where it is large.
func H2Headers(stream uint32, fields []hpack.HeaderField, end bool) ([]byte, error) {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range fields {
		_ = enc.WriteField(f) // a bytes.Buffer takes everything
	}
	return frames(func(fr *http2.Framer) error {
		part := block.Next(MaxH2Frame)
		err := fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: part, EndStream: end, EndHeaders: block.Len() == 0})
		for err == nil && block.Len() > 0 {
			part = block.Next(MaxH2Frame)
			err = fr.WriteContinuation(stream, block.Len() == 0, part)
		}
		return err
	})
}

// H2Data gives DATA frames.
func H2Data(stream uint32, data []byte, end bool) ([]byte, error) {
	return frames(func(fr *http2.Framer) error {
		for {
			n := min(len(data), MaxH2Frame)
			if err := fr.WriteData(stream, end && n == len(data), data[:n]); err != nil {
				return err
			}
			if data = data[n:]; len(data) == 0 {
				return nil
			}
		}
	})
}

func frames(write func(*http2.Framer) error) ([]byte, error) {
	var out bytes.Buffer
	err := write(http2.NewFramer(&out, nil))
	return out.Bytes(), err
}

// onStream is a verb that writes what make gives for the current request's stream.
func onStream(text string, size int, make func(s *Session, stream uint32) ([]byte, error)) Step {
	return step{text, size, func(_ context.Context, s *Session) error {
		if s.Stream == nil {
			return fmt.Errorf("%s: the endpoint speaks no protocol with streams", text)
		}
		b, err := make(s, s.Stream())
		if err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		return s.Write(b)
	}}
}

// SendH2Headers sends a header section, written as lines of "name: value", and ends the stream if end is set.
func SendH2Headers(block string, end bool) Step {
	return onStream("h2-headers "+strconv.Quote(block)+endWord(end), len(block)+256, func(s *Session, stream uint32) ([]byte, error) {
		fields, err := H2Fields(s.expand(block))
		if err != nil {
			return nil, err
		}
		return H2Headers(stream, fields, end)
	})
}

// SendH2Data sends text as DATA and ends the stream if end is set.
func SendH2Data(text string, end bool) Step {
	return onStream("h2-data "+strconv.Quote(text)+endWord(end), len(text)+h2FrameHead, func(s *Session, stream uint32) ([]byte, error) {
		return H2Data(stream, []byte(s.expand(text)), end)
	})
}

// SendH2Frame sends the header of a frame of that type, flags and length on the current stream; the payload is left to
// the verbs that follow.
func SendH2Frame(typ, flags uint8, length int) Step {
	return onStream(fmt.Sprintf("h2-frame %d %d %d", typ, flags, length), h2FrameHead, func(_ *Session, stream uint32) ([]byte, error) {
		b := []byte{byte(length >> 16), byte(length >> 8), byte(length), typ, flags}
		return binary.BigEndian.AppendUint32(b, stream), nil
	})
}

// ResetH2Stream sends RST_STREAM (RFC 9113 §6.4); what the peer still sends on the stream is ignored.
func ResetH2Stream(code http2.ErrCode) Step {
	return onStream("h2-rst-stream "+code.String(), h2FrameHead+4, func(s *Session, stream uint32) ([]byte, error) {
		if s.Abandon != nil {
			s.Abandon()
		}
		return frames(func(fr *http2.Framer) error { return fr.WriteRSTStream(stream, code) })
	})
}

// SendH2GoAway sends GOAWAY (RFC 9113 §6.8). With processed the last stream is the current one; without, the one before
// it: the request was not processed and may be sent again on another connection.
func SendH2GoAway(processed bool, code http2.ErrCode) Step {
	text := "h2-goaway before " + code.String()
	if processed {
		text = "h2-goaway current " + code.String()
	}
	return onStream(text, h2FrameHead+8, func(_ *Session, stream uint32) ([]byte, error) {
		if !processed {
			stream = max(stream, 2) - 2
		}
		return frames(func(fr *http2.Framer) error { return fr.WriteGoAway(stream, code, nil) })
	})
}

func endWord(end bool) string {
	if end {
		return " end"
	}
	return ""
}

var h2Verbs = map[string]verb{
	"h2-headers":    {`h2-headers "name: value\r\n..." [end]`, 1, 2, ending(SendH2Headers)},
	"h2-data":       {`h2-data "text" [end]`, 1, 2, ending(SendH2Data)},
	"h2-frame":      {"h2-frame TYPE FLAGS LENGTH", 3, 3, makeH2Frame},
	"h2-rst-stream": {"h2-rst-stream CODE", 1, 1, makeH2Reset},
	"h2-goaway":     {"h2-goaway before|current CODE", 2, 2, makeH2GoAway},
}

func ending(f func(text string, end bool) Step) func([]string) (Step, error) {
	return func(a []string) (Step, error) {
		if len(a) == 2 && a[1] != "end" {
			return nil, fmt.Errorf("%q is not the word end", a[1])
		}
		return f(a[0], len(a) == 2), nil
	}
}

func makeH2Frame(a []string) (Step, error) {
	typ, errType := strconv.ParseUint(a[0], 10, 8)
	flags, errFlags := strconv.ParseUint(a[1], 10, 8)
	length, errLength := strconv.ParseUint(a[2], 10, 24)
	if errType != nil || errFlags != nil || errLength != nil {
		return nil, fmt.Errorf("type and flags are numbers up to 255, the length one below 16777216")
	}
	return SendH2Frame(uint8(typ), uint8(flags), int(length)), nil
}

func makeH2Reset(a []string) (Step, error) {
	code, err := h2Code(a[0])
	return ResetH2Stream(code), err
}

func makeH2GoAway(a []string) (Step, error) {
	if a[0] != "before" && a[0] != "current" {
		return nil, fmt.Errorf("%q is neither before nor current", a[0])
	}
	code, err := h2Code(a[1])
	return SendH2GoAway(a[0] == "current", code), err
}

// H2Codes lists the names of HTTP/2's error codes (RFC 9113 §7).
func H2Codes() []string {
	var names []string
	for code := http2.ErrCodeNo; code <= http2.ErrCodeHTTP11Required; code++ {
		names = append(names, code.String())
	}
	return names
}

func h2Code(name string) (http2.ErrCode, error) {
	for code, known := range H2Codes() {
		if name == known {
			return http2.ErrCode(code), nil
		}
	}
	return 0, fmt.Errorf("%q is no error code of HTTP/2; the codes are %s", name, strings.Join(H2Codes(), ", "))
}
