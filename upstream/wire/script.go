package wire

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Script is a linear list of verbs. When it falls off its end the connection lives on and waits for its next request.
type Script []Step

// Run runs the steps in order and stops at the first error; [*Ended] tells how the connection ended, [*Parked] that it waits.
func (sc Script) Run(ctx context.Context, s *Session) error {
	if err := sc.run(ctx, s); !errors.Is(err, errServe) {
		return err
	}
	return nil
}

func (sc Script) run(ctx context.Context, s *Session) error {
	for i, st := range sc {
		if err := ctxEnded(ctx); err != nil {
			return err
		}
		if err := st.Run(ctx, s); err != nil {
			return before(err, sc[i+1:]...)
		}
	}
	return nil
}

// Firing gives the script with a [Fire] before the first verb that does more than read, unless it has one already or a
// [Handshake], which fires by itself.
func (sc Script) Firing() Script {
	if sc.Uses("fire") || sc.Uses("handshake") {
		return sc
	}
	first := slices.IndexFunc(sc, func(st Step) bool {
		return !slices.Contains([]string{"read-request", "read-head", "await-data", "read-hello"}, st.String())
	})
	if first < 0 {
		first = len(sc)
	}
	return slices.Insert(slices.Clone(sc), first, Fire())
}

// Uses tells whether the script has a verb of that name, also inside of repeat.
func (sc Script) Uses(verb string) bool {
	return slices.ContainsFunc(sc, func(st Step) bool {
		if r, ok := st.(repeat); ok {
			return r.body.Uses(verb)
		}
		name, _, _ := strings.Cut(st.String(), " ")
		return name == verb
	})
}

// Protocol tells which protocol the endpoint must speak for the script's verbs: h2, fcgi or, empty, any.
func (sc Script) Protocol() string {
	for protocol, own := range map[string]map[string]verb{"h2": h2Verbs, "fcgi": fcgiVerbs} {
		for name := range own {
			if sc.Uses(name) {
				return protocol
			}
		}
	}
	return ""
}

func (sc Script) weight() int {
	total := 0
	for _, st := range sc {
		total += st.weight()
	}
	return total
}

// String gives the text form: one verb a line.
func (sc Script) String() string {
	lines := make([]string, len(sc))
	for i, st := range sc {
		lines[i] = st.String()
	}
	return strings.Join(lines, "\n")
}

// Limits of a script's text.
const (
	maxLines  = 1000
	maxRepeat = 100_000
)

// SyntaxError says which line of a script's text is wrong and why.
type SyntaxError struct {
	Line int
	Text string
	Why  string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("script line %d: %q: %s", e.Line, e.Text, e.Why)
}

// Parse reads the text form of a script: one verb a line, text in Go's double quotes, # starts a comment line.
func Parse(text string) (Script, error) {
	lines := strings.Split(text, "\n")
	if len(lines) > maxLines {
		return nil, fmt.Errorf("script has %d lines, the limit is %d", len(lines), maxLines)
	}
	p := parser{lines: lines}
	sc, err := p.block(0)
	if err != nil {
		return nil, err
	}
	if sc.weight() > MaxRun {
		return nil, fmt.Errorf("script would send more than %d bytes", MaxRun)
	}
	return sc, nil
}

type parser struct {
	lines []string
	next  int
}

// block reads steps up to the matching "end" (depth > 0) or the end of the text (depth 0).
func (p *parser) block(depth int) (Script, error) {
	var sc Script
	for p.next < len(p.lines) {
		line := strings.TrimSpace(p.lines[p.next])
		p.next++
		switch {
		case line == "" || line[0] == '#':
		case line == "end" && depth > 0:
			return sc, nil
		default:
			st, err := p.step(line, depth)
			if err != nil {
				return nil, err
			}
			sc = append(sc, st)
		}
	}
	if depth > 0 {
		return nil, &SyntaxError{len(p.lines), "", "repeat without its end"}
	}
	return sc, nil
}

func (p *parser) step(line string, depth int) (Step, error) {
	at := p.next
	args, err := split(line)
	if err == nil && args[0] == "repeat" {
		return p.repeat(args, line, depth)
	}
	if err == nil {
		var st Step
		if st, err = build(args); err == nil {
			return st, nil
		}
	}
	return nil, &SyntaxError{at, line, err.Error()}
}

func (p *parser) repeat(args []string, line string, depth int) (Step, error) {
	at := p.next
	if len(args) != 2 {
		return nil, &SyntaxError{at, line, "use: repeat N"}
	}
	n, err := count(args[1], maxRepeat)
	if err != nil {
		return nil, &SyntaxError{at, line, err.Error()}
	}
	if depth > 3 {
		return nil, &SyntaxError{at, line, "repeat is nested too deeply"}
	}
	body, err := p.block(depth + 1)
	if err != nil {
		return nil, err
	}
	return repeat{n, body}, nil
}

// verb says what a line may look like and makes its step.
type verb struct {
	usage string
	least int
	most  int
	make  func(args []string) (Step, error)
}

var verbs = join(h2Verbs, fcgiVerbs, map[string]verb{
	"read-request":    {"read-request", 0, 0, plain(ReadRequest)},
	"read-head":       {"read-head", 0, 0, plain(ReadHead)},
	"fire":            {"fire", 0, 0, plain(Fire)},
	"await-data":      {"await-data", 0, 0, plain(AwaitData)},
	"read-hello":      {"read-hello", 0, 0, plain(ReadHello)},
	"handshake":       {"handshake CERTIFICATE [client-cert|old-version]", 1, 2, makeHandshake},
	"alert":           {"alert NUMBER", 1, 1, makeAlert},
	"send":            {`send "text"`, 1, 1, func(a []string) (Step, error) { return Send(a[0]), nil }},
	"fill":            {"fill BYTES", 1, 1, sized(Fill)},
	"fill-letters":    {"fill-letters BYTES", 1, 1, sized(FillLetters)},
	"fill-chunk":      {"fill-chunk BYTES", 1, 1, sized(FillChunk)},
	"drip":            {`drip "text" INTERVAL`, 2, 2, makeDrip},
	"respond":         {`respond STATUS ["body"]`, 1, 2, makeRespond},
	"sleep":           {"sleep DURATION", 1, 1, makeSleep},
	"stall":           {"stall", 0, 0, plain(Stall)},
	"idle":            {"idle DURATION", 1, 1, makeIdle},
	"cork":            {"cork", 0, 0, plain(Cork)},
	"fin":             {"fin", 0, 0, plain(Fin)},
	"close":           {"close", 0, 0, plain(Close)},
	"reset":           {"reset", 0, 0, plain(ResetConn)},
	"drop-connection": {"drop-connection", 0, 0, plain(DropConnection)},
	"kill":            {"kill", 0, 0, plain(Kill)},
	"eat-memory":      {"eat-memory", 0, 0, plain(EatMemory)},
})

func join(tables ...map[string]verb) map[string]verb {
	all := map[string]verb{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

// Usage lists the verbs and what goes with each, such as: sleep DURATION.
func Usage() []string {
	lines := []string{"repeat N ... end"}
	for _, v := range verbs {
		lines = append(lines, v.usage)
	}
	slices.Sort(lines)
	return lines
}

func build(args []string) (Step, error) {
	v, ok := verbs[args[0]]
	if !ok {
		return nil, fmt.Errorf("no verb is called %s; the verbs are %s", args[0], strings.Join(slices.Sorted(maps.Keys(verbs)), ", "))
	}
	if rest := len(args) - 1; rest < v.least || rest > v.most {
		return nil, fmt.Errorf("use: %s", v.usage)
	}
	return v.make(args[1:])
}

func plain(f func() Step) func([]string) (Step, error) {
	return func([]string) (Step, error) { return f(), nil }
}

func sized(f func(int) Step) func([]string) (Step, error) {
	return func(a []string) (Step, error) {
		n, err := count(a[0], MaxRun)
		if err != nil {
			return nil, err
		}
		return f(n), nil
	}
}

func makeDrip(a []string) (Step, error) {
	d, err := duration(a[1])
	if err != nil {
		return nil, err
	}
	return Drip(a[0], d), nil
}

func makeSleep(a []string) (Step, error) {
	d, err := duration(a[0])
	if err != nil {
		return nil, err
	}
	return Sleep(d), nil
}

func makeRespond(a []string) (Step, error) {
	status, err := strconv.Atoi(a[0])
	if err != nil || status < 200 || status > 599 {
		return nil, fmt.Errorf("%q is not a final status from 200 to 599", a[0])
	}
	return Respond(status, strings.Join(a[1:], "")), nil
}

func count(s string, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%q is not a number from 1 to %d", s, most)
	}
	return n, nil
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > MaxWait {
		return 0, fmt.Errorf("%q is not a duration from 0s to %s (write 500ms, 2s, 1m)", s, MaxWait)
	}
	return d, nil
}

// split cuts a line into words and unquotes the quoted ones.
func split(line string) ([]string, error) {
	var out []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] != '"' {
			word, rest, _ := strings.Cut(line, " ")
			out, line = append(out, word), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return nil, fmt.Errorf("text must stand in double quotes with Go escapes such as \\r\\n and \\x00")
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		out, line = append(out, word), line[len(quoted):]
	}
	return out, nil
}
