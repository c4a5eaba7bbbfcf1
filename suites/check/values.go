package check

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
)

// Upstream is an address that a configuration sends requests to: app:8080, 10.0.0.5:80, 127.0.0.1:3000, [::1]:80 or
// unix:/run/app.sock.
type Upstream struct{ config.Server }

// ParseUpstream reads the text form.
func ParseUpstream(text string) (Upstream, error) {
	if socket, ok := strings.CutPrefix(text, "unix:"); ok {
		if socket = strings.TrimPrefix(socket, "//"); !path.IsAbs(socket) {
			return Upstream{}, fmt.Errorf("upstream %q needs an absolute path; write for example unix:/run/app.sock", text)
		}
		return Upstream{config.Server{Socket: path.Clean(socket)}}, nil
	}
	host, port, err := splitPort(text)
	if err != nil || host == "" {
		return Upstream{}, fmt.Errorf("upstream %q is no name:port; write it as your configuration does, for example app:8080 or unix:/run/app.sock", text)
	}
	return Upstream{config.Server{Host: host, Port: port}}, nil
}

// UnmarshalText reads the text form.
func (u *Upstream) UnmarshalText(text []byte) (err error) {
	return assign(u, string(text), ParseUpstream)
}

// MarshalText gives the text form.
func (u Upstream) MarshalText() ([]byte, error) { return []byte(u.Key()), nil }

// Entry is where clients reach a gateway: :80, https://:443 or https://example.com:8443.
type Entry struct {
	Scheme string // http, https, or empty: as the configuration says of the port
	Host   string // empty: as the configuration says
	Port   uint16 // 0: what the scheme has
}

// ParseEntry reads the text form.
func ParseEntry(text string) (Entry, error) {
	wrong := fmt.Errorf("entry %q is no place to come in; write for example :80, https://:443 or https://example.com:8443", text)
	e, rest := Entry{}, strings.TrimSuffix(text, "/")
	if scheme, after, ok := strings.Cut(rest, "://"); ok {
		e.Scheme, rest = scheme, after
	}
	if e.Scheme != "" && e.Scheme != "http" && e.Scheme != "https" || rest == "" || strings.ContainsAny(rest, "/?#@ ") {
		return Entry{}, wrong
	}
	if !strings.Contains(rest, ":") || strings.HasSuffix(rest, "]") {
		rest += ":" + strconv.Itoa(int(standardPort(e.Scheme)))
	}
	var err error
	if e.Host, e.Port, err = splitPort(rest); err != nil {
		return Entry{}, wrong
	}
	return e, nil
}

func standardPort(scheme string) uint16 {
	if scheme == "https" {
		return 443
	}
	return 80
}

// IsZero tells whether nothing is said.
func (e Entry) IsZero() bool { return e == Entry{} }

// String gives the text form.
func (e Entry) String() string {
	if e.IsZero() {
		return ""
	}
	text := net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
	if e.Scheme != "" {
		text = e.Scheme + "://" + text
	}
	return text
}

// UnmarshalText reads the text form.
func (e *Entry) UnmarshalText(text []byte) (err error) { return assign(e, string(text), ParseEntry) }

// MarshalText gives the text form.
func (e Entry) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Mount is a further file or folder that the gateway needs, as path:at.
type Mount struct{ config.Mount }

// ParseMount reads the text form.
func ParseMount(text string) (Mount, error) {
	i := strings.LastIndex(text, ":")
	if i < 1 || !path.IsAbs(text[i+1:]) {
		return Mount{}, fmt.Errorf("mount %q is no path:at; write for example ./certs:/etc/ssl/private", text)
	}
	return Mount{config.Mount{Path: text[:i], At: path.Clean(text[i+1:])}}, nil
}

// UnmarshalText reads the text form.
func (m *Mount) UnmarshalText(text []byte) (err error) { return assign(m, string(text), ParseMount) }

// MarshalText gives the text form.
func (m Mount) MarshalText() ([]byte, error) { return []byte(m.Path + ":" + m.At), nil }

// RequestLine is a method and a path with or without a query: GET /api/health.
type RequestLine struct{ Method, Path string }

var methodForm = regexp.MustCompile(`^[A-Z]+$`)

// ParseRequestLine reads the text form; without a method it is GET.
func ParseRequestLine(text string) (RequestLine, error) {
	method, target, both := strings.Cut(text, " ")
	if !both {
		method, target = "GET", text
	}
	u, err := url.ParseRequestURI(target)
	if err != nil || !strings.HasPrefix(target, "/") || u.Fragment != "" || strings.ContainsAny(target, " \t\r\n#") || !methodForm.MatchString(method) {
		return RequestLine{}, fmt.Errorf("request %q is no method and path; write for example GET /api/health", text)
	}
	return RequestLine{method, target}, nil
}

// IsZero tells whether nothing is said.
func (r RequestLine) IsZero() bool { return r == RequestLine{} }

// String gives the text form.
func (r RequestLine) String() string {
	if r.IsZero() {
		return ""
	}
	return r.Method + " " + r.Path
}

// UnmarshalText reads the text form.
func (r *RequestLine) UnmarshalText(text []byte) (err error) {
	return assign(r, string(text), ParseRequestLine)
}

// MarshalText gives the text form.
func (r RequestLine) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Wanted is what a client is to get: an exact outcome, or a status of a whole answer, whoever made it.
type Wanted struct{ scenarios.Outcome }

// ParseWanted reads the text form: 502, 502 made, 200 truncated, closed.
func ParseWanted(text string) (Wanted, error) {
	if status, err := strconv.Atoi(text); err == nil {
		if status < 100 || status > 999 {
			return Wanted{}, fmt.Errorf("status %s lies outside 100 to 999", text)
		}
		return Wanted{scenarios.Outcome{Status: status}}, nil
	}
	o, err := scenarios.ParseOutcome(text)
	return Wanted{o}, err
}

// Met tells whether an observed outcome is the wanted one.
func (w Wanted) Met(o scenarios.Outcome) bool {
	if w.Kind != "" {
		return w.Outcome == o
	}
	switch o.Kind {
	case scenarios.Made, scenarios.Passed, scenarios.Stored, scenarios.Foreign:
		return w.Status == o.Status
	}
	return false
}

// String gives the text form.
func (w Wanted) String() string {
	switch {
	case w.IsZero():
		return ""
	case w.Kind == "":
		return strconv.Itoa(w.Status)
	}
	return w.Outcome.String()
}

// UnmarshalText reads the text form.
func (w *Wanted) UnmarshalText(text []byte) (err error) { return assign(w, string(text), ParseWanted) }

// MarshalText gives the text form.
func (w Wanted) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

func assign[T any](to *T, text string, parse func(string) (T, error)) error {
	v, err := parse(text)
	if err == nil {
		*to = v
	}
	return err
}

// splitPort takes host:port apart; an address of IP version 6 stands in brackets.
func splitPort(text string) (string, uint16, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("port %q goes from 1 to 65535", port)
	}
	if _, err := netip.ParseAddr(host); err != nil && strings.ContainsAny(host, ":/ \t@?#[]") {
		return "", 0, errors.New("this is no host name")
	}
	return host, uint16(n), nil
}
