package outside

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/probe"
)

// Answer is what came back.
type Answer struct {
	Status    int               `json:"status,omitempty"`
	Head      map[string]string `json:"head,omitempty"` // the fields that tell who answered
	Location  string            `json:"location,omitempty"`
	Bytes     int64             `json:"bytes"`
	FirstByte time.Duration     `json:"firstByte,omitempty"` // from the request
	Total     time.Duration     `json:"total"`
	End       string            `json:"end"`
	MadeBy    *Signature        `json:"madeBy,omitempty"` // the product whose own page it is
	Errors    []ProxyError      `json:"proxyStatus,omitempty"`
	Excerpt   string            `json:"excerpt,omitempty"` // the beginning of an error's body
}

// telling are the fields that say who answered.
var telling = []string{"Server", "Via", "X-Powered-By", "Proxy-Status", "Cf-Ray", "X-Cache", "X-Served-By", "X-Varnish", "X-Squid-Error", "X-Azure-Ref",
	"X-Azure-ExternalError", "X-Amz-Cf-Id", "X-Amzn-ErrorType", "X-Envoy-Upstream-Service-Time", "Retry-After", "Age", "Location"}

// Telling are the fields of [Answer.Head] in the order in which they are shown.
func Telling() []string { return slices.Clone(telling) }

// ask sends the request over the connection.
func (l *look) ask(ctx context.Context, v *Visit, conn net.Conn, u *url.URL) (*url.URL, error) {
	req := probe.Request{Method: cmp.Or(l.Method, http.MethodGet), Target: u.RequestURI(), Host: u.Host, Close: true,
		Header: [][2]string{{"User-Agent", "gatefault"}, {"Accept", "*/*"}}}
	for name, values := range l.Header {
		if name == "Host" {
			req.Host = values[0]
			continue
		}
		for _, value := range values {
			req.Header = append(req.Header, [2]string{name, value})
		}
	}
	e := probe.Do(ctx, conn.RemoteAddr().String(), req, probe.Options{Patience: l.Timeout, MaxBytes: maxBody,
		Dial: func(context.Context, string, string) (net.Conn, error) { return conn, nil }})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a := &Answer{Status: e.Status, Bytes: e.BodyLen, FirstByte: e.FirstByte, Total: e.Done, End: string(e.End), Head: map[string]string{}}
	v.Answer = a
	for _, name := range telling {
		if value := e.Header.Get(name); value != "" {
			a.Head[name] = value
		}
	}
	a.Location = e.Header.Get("Location")
	if err := l.judge(a, e); err != nil {
		return nil, err
	}
	if a.Status < 300 || a.Status > 399 || a.Location == "" {
		return nil, nil
	}
	next, err := u.Parse(a.Location)
	if err != nil || next.Scheme != "http" && next.Scheme != "https" || next.Hostname() == "" {
		return nil, nil
	}
	return next, nil
}

// judge says what the answer shows.
func (l *look) judge(a *Answer, e probe.Exchange) error {
	switch {
	case e.Malformed != "" && e.Header == nil:
		l.find("garbage", e.Malformed)
		return nil
	case e.Status == 0 && e.End == probe.EndTimeout:
		l.find("no-answer", fmt.Sprintf("for %s", l.Timeout))
		return nil
	case e.Status == 0:
		l.find("closed", string(e.End))
		return nil
	case !e.Complete && e.End == probe.EndTimeout:
		l.find("stalled", fmt.Sprintf("%d bytes within %s", e.BodyLen, l.Timeout))
	case !e.Complete && e.End != probe.EndLimit:
		l.find("cut", fmt.Sprintf("after %d bytes, by %s", e.BodyLen, e.End))
	}
	a.Errors = proxyErrors(e.Header.Values("Proxy-Status"))
	for _, p := range a.Errors {
		l.told(p)
	}
	if e.Status < 400 {
		if a.Total > slowAnswer {
			l.find("slow", a.Total.Round(time.Millisecond).String())
		}
		return nil
	}
	return l.failure(a, e)
}

// failure says who made an error's page, and what it says.
func (l *look) failure(a *Answer, e probe.Exchange) error {
	body := e.Body[:min(len(e.Body), excerptBytes)]
	a.Excerpt = string(body[:min(len(body), 200)])
	sign, err := Recognise(e.Status, e.Header, body)
	if err != nil {
		return err
	}
	a.MadeBy = sign
	switch {
	case sign != nil:
		l.page(a, sign)
		l.next(sign.Next...)
	case len(a.Errors) > 0:
	case e.Status == 502 || e.Status == 503 || e.Status == 504:
		l.find(fmt.Sprintf("unknown-%d", e.Status), "")
	case e.Status >= 500:
		l.find("unknown-5xx", fmt.Sprint(e.Status))
	case e.Status == 403 || e.Status == 429:
		l.find("blocked", fmt.Sprint(e.Status))
	}
	return nil
}

// atOnce is how soon an answer comes for which no usual timeout ran out.
const atOnce = 100 * time.Millisecond

// page notes whose page it is. What Proxy-Status left possible is the more exact of the two.
func (l *look) page(a *Answer, sign *Signature) {
	detail := fmt.Sprintf("%d by %s", a.Status, sign.Product)
	remain := sign.remain(l.catalogue, a.Status)
	timed := func(s *scenarios.Scenario) bool { return strings.HasSuffix(s.Error, "timeout") }
	if others := slices.DeleteFunc(slices.Clone(remain), timed); a.FirstByte < atOnce && len(others) > 0 && len(others) < len(remain) {
		detail += ", at once, so no timeout ran out" // a page that tells of nothing but a timeout may tell of an earlier request's
		remain = others
	}
	l.report.Findings = append(l.report.Findings, Finding{ID: "page-of-" + sign.ID, Bad: a.Status >= 500, Says: sign.Says, Detail: detail, Cite: sign.Cite})
	if len(a.Errors) > 0 {
		return
	}
	for _, s := range remain {
		l.possible[s.ID] = true
	}
}

// ProxyError is what an intermediary tells in Proxy-Status (RFC 9209).
type ProxyError struct {
	By      string `json:"by"`
	Error   string `json:"error,omitempty"`
	Details string `json:"details,omitempty"`
}

// told leaves possible what the error type stands for.
func (l *look) told(p ProxyError) {
	if p.Error == "" {
		return
	}
	l.find("proxy-status", strings.TrimSuffix(fmt.Sprintf("%s: %s, %s", p.By, p.Error, p.Details), ", "))
	for _, s := range l.catalogue.All() {
		if s.Error == p.Error && !slices.Contains([]string{"none", "passed"}, s.Error) {
			l.possible[s.ID] = true
		}
	}
}

// proxyErrors reads the fields' members: a list of items with parameters (RFC 9651 §3.1), of which error and details count.
func proxyErrors(fields []string) (out []ProxyError) {
	for _, member := range outsideQuotes(strings.Join(fields, ","), ',') {
		parts := outsideQuotes(member, ';')
		p := ProxyError{By: unquoted(parts[0])}
		for _, param := range parts[1:] {
			name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
			switch name {
			case "error":
				p.Error = unquoted(value)
			case "details":
				p.Details = unquoted(value)
			}
		}
		if p.By != "" {
			out = append(out, p)
		}
	}
	return out
}

// outsideQuotes splits at a character that stands outside quoted strings.
func outsideQuotes(text string, at byte) (out []string) {
	quoted, begin := false, 0
	for i := 0; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == at && !quoted:
			out, begin = append(out, text[begin:i]), i+1
		}
	}
	return append(out, text[begin:])
}

func unquoted(text string) string {
	text = strings.TrimSpace(text)
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return text
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(text[1 : len(text)-1])
}
