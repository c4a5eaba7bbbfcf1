package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/outside"
	"github.com/gatefault/gatefault/suites/report"
)

type probeCmd struct {
	URL      string        `arg:"" help:"What to look at, such as https://shop.example/cart; without a scheme it is https."`
	Method   string        `short:"X" default:"GET" help:"Method of the request."`
	Header   []string      `short:"H" sep:"none" placeholder:"NAME:VALUE" help:"Further field of the request."`
	Resolver string        `placeholder:"ADDRESS" help:"Name server to ask, such as 1.1.1.1 or [::1]:53. Default: the system's."`
	CA       string        `name:"ca" placeholder:"FILE" help:"Certificates of the authorities to trust, PEM. Default: the system's."`
	Timeout  time.Duration `default:"10s" help:"How long each phase may take."`
	Follow   int           `placeholder:"N" help:"Follow up to N redirects, at most 10. Default: none."`
	JSON     bool          `name:"json" help:"Print JSON."`
}

// Help is shown below the flags.
func (probeCmd) Help() string {
	return `One look, as the guides to 502, 503 and 504 teach it: does the name resolve, and by which server; does every address take ` +
		`connections; is TLS well; what is the status, who made the answer, and where did the time go. Own pages of nginx, HAProxy, Caddy, Apache, ` +
		`Envoy, Varnish, Squid, Traefik, IIS and of the clouds are recognised. It sends one request to each URL and reads at most 256 KiB.

Exit codes: 0 nothing hurts users; 1 something does; 2 wrong usage; 130 interrupted.`
}

func (c *probeCmd) Run(ctx context.Context, a *app) error {
	u, err := outside.Parse(c.URL)
	if err != nil {
		return usage(err)
	}
	o, err := c.options()
	if err != nil {
		return usage(err)
	}
	catalogue, err := loadCatalogue("")
	if err != nil {
		return err
	}
	r, err := outside.Look(ctx, u, catalogue, o)
	if err != nil {
		return err
	}
	if c.JSON {
		err = a.printJSON(r)
	} else {
		a.tellOutside(r, catalogue)
	}
	if err == nil && r.Bad() {
		return &failure{exitFindings, nil}
	}
	return err
}

func (c *probeCmd) options() (outside.Options, error) {
	o := outside.Options{Timeout: c.Timeout, Method: c.Method, Follow: c.Follow, Header: http.Header{}}
	switch {
	case c.Timeout <= 0:
		return o, fmt.Errorf("--timeout %s: it must be more than 0", c.Timeout)
	case c.Follow < 0 || c.Follow > outside.MaxFollow:
		return o, fmt.Errorf("--follow %d: it can be 0 to %d", c.Follow, outside.MaxFollow)
	case c.Method == "" || strings.ContainsAny(c.Method, " \t\r\n"):
		return o, fmt.Errorf("--method %q is no method", c.Method)
	}
	for _, field := range c.Header {
		name, value, ok := strings.Cut(field, ":")
		if !ok || name == "" || strings.ContainsAny(field, "\r\n") {
			return o, fmt.Errorf("--header %q: write NAME:VALUE", field)
		}
		o.Header.Add(name, strings.TrimSpace(value))
	}
	var err error
	if c.Resolver != "" {
		if o.Server, err = nameServer(c.Resolver); err != nil {
			return o, err
		}
	}
	if c.CA != "" {
		if o.Roots, err = os.ReadFile(c.CA); err != nil {
			return o, fmt.Errorf("--ca: %w", err)
		}
	}
	return o, nil
}

// nameServer reads an address with or without a port.
func nameServer(text string) (netip.AddrPort, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(addr, 53), nil
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return at, fmt.Errorf("--resolver %q is no address of a name server; write 1.1.1.1 or 127.0.0.1:53", text)
	}
	return at, nil
}

// tellOutside prints what was seen, phase by phase, and what it means.
func (a *app) tellOutside(r *outside.Report, catalogue *scenarios.Catalogue) {
	for _, v := range r.Visits {
		a.printf("%s\n", report.Printable(v.URL))
		a.table(visitRows(v))
	}
	var seen []string
	for _, f := range r.Findings {
		text := f.Says
		if f.Detail != "" {
			text += " (" + strings.ReplaceAll(report.Printable(f.Detail), "\n", " ") + ")"
		}
		seen = append(seen, text)
	}
	if len(seen) == 0 {
		a.printf("\nNothing is wrong with it, seen from here.\n")
		return
	}
	a.bullets("What it shows", seen...)
	a.possible(r, catalogue)
	a.bullets("What to look at, in this order", r.Next...)
}

// mostNamed is how many scenarios of a cause are named.
const mostNamed = 4

// possible lists the causes that remain, with some of their scenarios.
func (a *app) possible(r *outside.Report, catalogue *scenarios.Catalogue) {
	if len(r.Causes) == 0 {
		return
	}
	a.printf("\nWhat remains possible\n")
	var rows [][]string
	for _, c := range r.Causes {
		var ids []string
		for _, s := range catalogue.All() {
			if s.Cause == c && slices.Contains(r.Scenarios, s.ID) {
				ids = append(ids, s.ID)
			}
		}
		text := strings.Join(ids[:min(len(ids), mostNamed)], ", ")
		if more := len(ids) - mostNamed; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		rows = append(rows, []string{"  " + string(c), text})
	}
	a.table(rows)
}

// visitRows are the phases of one visit.
func visitRows(v outside.Visit) (rows [][]string) {
	if n := v.Resolve; n != nil {
		rows = append(rows, []string{"  name", told(n.Took, append(n.A, n.AAAA...), n.Error) + by(n.Servers)})
	}
	for _, c := range v.Connections {
		rows = append(rows, []string{"  connect", c.Address + " " + told(c.Took, nil, c.Error)})
	}
	if t := v.TLS; t != nil {
		rows = append(rows, []string{"  TLS", told(t.Took, []string{t.Version, t.Cipher}, t.Error)})
		for _, cert := range t.Chain {
			rows = append(rows, []string{"", report.Printable(fmt.Sprintf("%s, by %s, until %s", cert.Subject, cert.Issuer, cert.Until.Format(time.DateOnly)))})
		}
	}
	if n := v.Answer; n != nil {
		rows = append(rows, answerRows(n)...)
	}
	return rows
}

func answerRows(n *outside.Answer) (rows [][]string) {
	rows = append(rows, []string{"  answer", fmt.Sprintf("%s first byte %s, all %s, %d bytes, ended by %s", status(n.Status), round(n.FirstByte), round(n.Total), n.Bytes, n.End)})
	for _, name := range outside.Telling() {
		if value := n.Head[name]; value != "" {
			rows = append(rows, []string{"", name + ": " + strings.ReplaceAll(report.Printable(value), "\n", " ")})
		}
	}
	if n.MadeBy != nil {
		rows = append(rows, []string{"  made by", n.MadeBy.Product})
	}
	return rows
}

func status(code int) string {
	if code == 0 {
		return "none,"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code))) + ","
}

func round(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }

func told(took time.Duration, what []string, failed string) string {
	if failed != "" {
		return report.Printable(failed) + " after " + round(took)
	}
	what = slices.DeleteFunc(slices.Clone(what), func(s string) bool { return s == "" })
	if len(what) == 0 {
		return "in " + round(took)
	}
	return strings.Join(what, ", ") + " in " + round(took)
}

func by(servers []string) string {
	if len(servers) == 0 {
		return ", without asking a server"
	}
	var hosts []string
	for _, s := range servers {
		host, port, err := net.SplitHostPort(s)
		if err == nil && port == "53" {
			s = host
		}
		hosts = append(hosts, s)
	}
	return ", by " + strings.Join(hosts, ", ")
}
