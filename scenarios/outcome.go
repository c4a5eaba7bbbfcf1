package scenarios

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind says what sort of answer a client got. A status alone is too poor: a 200 may be cut, a 502 may be somebody else's.
type Kind string

// The alphabet of outcomes. The first six go with a status, hang may, the others never do.
const (
	Made        Kind = "made"         // a whole answer that the gateway made itself
	Passed      Kind = "passed"       // a whole answer of the upstream, proven by its provenance fields
	Stored      Kind = "stored"       // a whole answer that the upstream gave to an earlier request
	Stray       Kind = "stray"        // a whole answer of the upstream that this request did not ask for, or one with more bytes after it
	Foreign     Kind = "foreign"      // a whole answer of another endpoint, proven by its provenance fields
	Truncated   Kind = "truncated"    // cut, and the client can tell: framing or RST (RFC 9112 §8), after 101 no Close frame (RFC 6455 §7.1.5)
	Silent      Kind = "silent"       // cut, but it looks complete
	Hang        Kind = "hang"         // no answer, or no end of it, until the client's patience was over
	Closed      Kind = "closed"       // FIN without a byte
	Reset       Kind = "reset"        // RST without a byte
	Raw         Kind = "raw"          // bytes that are not HTTP
	StreamReset Kind = "stream-reset" // the HTTP/2 stream was reset
)

// Kinds lists the alphabet.
func Kinds() []Kind {
	return []Kind{Made, Passed, Stored, Stray, Foreign, Truncated, Silent, Hang, Closed, Reset, Raw, StreamReset}
}

// Outcome is what a client saw of one request. The zero value means that nothing was observed; its text is empty.
type Outcome struct {
	Kind   Kind
	Status int // 100 to 999; 0 when no status line came
}

// String gives the text form: `502 made`, `200 truncated`, `closed`, `hang`, `200 hang`.
func (o Outcome) String() string {
	if o.Status == 0 {
		return string(o.Kind)
	}
	return strconv.Itoa(o.Status) + " " + string(o.Kind)
}

// IsZero tells whether nothing was observed.
func (o Outcome) IsZero() bool { return o == Outcome{} }

// MarshalText gives the text form; an outcome that has none is an error.
func (o Outcome) MarshalText() ([]byte, error) {
	if o.IsZero() {
		return nil, nil
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	return []byte(o.String()), nil
}

// UnmarshalText reads the text form.
func (o *Outcome) UnmarshalText(text []byte) error {
	parsed, err := ParseOutcome(string(text))
	if err == nil {
		*o = parsed
	}
	return err
}

// ParseOutcome reads the text form, such as `502 made` or `closed`; the empty text is the zero value.
func ParseOutcome(text string) (Outcome, error) {
	if text == "" {
		return Outcome{}, nil
	}
	number, kind, both := strings.Cut(text, " ")
	if !both {
		number, kind = "", text
	}
	o := Outcome{Kind: Kind(kind)}
	if both {
		status, err := strconv.Atoi(number)
		if err != nil || number != strconv.Itoa(status) {
			return Outcome{}, fmt.Errorf("outcome %q does not start with a status; write for example `502 made` or `closed`", text)
		}
		o.Status = status
	}
	if err := o.check(); err != nil {
		return Outcome{}, err
	}
	if both && o.Status == 0 {
		return Outcome{}, fmt.Errorf("outcome %q has status 0; leave the status out", text)
	}
	return o, nil
}

func (o Outcome) check() error {
	switch o.Kind {
	case Made, Passed, Stored, Stray, Foreign, Truncated, Silent:
		if o.Status == 0 {
			return fmt.Errorf("outcome %q needs a status; write for example `502 %s`", o, o.Kind)
		}
	case Hang:
	case Closed, Reset, Raw, StreamReset:
		if o.Status != 0 {
			return fmt.Errorf("outcome %q cannot have a status; write just `%s`", o, o.Kind)
		}
	default:
		return fmt.Errorf("outcome %q: no kind is called %q; the kinds are %s", o, o.Kind, strings.Join(texts(Kinds()), ", "))
	}
	if o.Status != 0 && (o.Status < 100 || o.Status > 999) {
		return fmt.Errorf("outcome %q has a status outside 100 to 999", o)
	}
	return nil
}
