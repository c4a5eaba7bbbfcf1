package drill

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/outside"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/pki"
)

// lookPatience is how long a command waits, unless a test has less of it.
const lookPatience = 3 * time.Second

var bars = []rune("▁▂▃▄▅▆▇█")

// graphSeconds is how far back the graph goes.
const graphSeconds = 60

// status tells what clients saw in the last minute.
func (d *Drill) status() string {
	recent := d.seconds[max(0, len(d.seconds)-graphSeconds):]
	good, failed := 0, map[string]int{}
	var share, times strings.Builder
	for _, s := range recent {
		good += s.good
		for what, n := range s.failed {
			failed[what] += n
		}
		share.WriteRune(bar(float64(s.failures()), float64(s.good+s.failures())))
		times.WriteRune(bar(s.slowest.Seconds(), 2))
	}
	var what []string
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		what = append(what, fmt.Sprintf("%d x %s", failed[name], name))
	}
	return fmt.Sprintf("%s  last minute: %d good, failed: %s\nfailed  %s\nslowest %s  (full: 2 s)", clock(d.now), good, cmp.Or(strings.Join(what, ", "), "none"), share.String(), times.String())
}

func bar(part, whole float64) rune {
	if whole <= 0 {
		return ' '
	}
	i := int(part / whole * float64(len(bars)-1))
	if part > 0 {
		i = max(i, 1)
	}
	return bars[min(i, len(bars)-1)]
}

// service tells whether requests come to the application.
func (d *Drill) service() string {
	last := -1
	for i, s := range d.seconds {
		if s.ended {
			last = i
		}
	}
	if last < 0 {
		return "Nothing was asked yet."
	}
	from := -1 // the last count that is half a minute older, or the oldest
	for i := last - 1; i >= 0; i-- {
		if d.seconds[i].ended {
			from = i
			if last-i >= 30 {
				break
			}
		}
	}
	var before uint64
	if from >= 0 {
		before = d.seconds[from].served
	}
	sent := 0
	for i := from + 1; i <= last; i++ {
		sent += d.seconds[i].good + d.seconds[i].failures()
	}
	return fmt.Sprintf("In the last %d s %d of %d requests of clients came to the application.", last-from, d.seconds[last].served-before, sent)
}

func (d *Drill) config() string {
	g, w := d.Seat.Gateway(), d.way
	out := []string{fmt.Sprintf("%s %s, profile %s: %s", g.Title, g.Version, w.Profile, w.Doc)}
	if len(w.Tiers) > 1 {
		out = append(out, "Two gateways: clients talk to edge, which talks to gateway, which talks to the upstream.")
	}
	switch {
	case w.Name != "":
		out = append(out, fmt.Sprintf("upstream: %s, port %d, looked up at run time, asking %s", w.Name, w.Upstream.Port(), w.Resolver))
	default:
		out = append(out, "upstream: "+w.Upstream.String())
	}
	out = append(out, fmt.Sprintf("protocol: %s; timeouts: %s to connect, %s to read", cmp.Or(w.Protocol, "http"), w.Connect, w.Read))
	if w.Protocol == string(upstream.OverTLS) {
		out = append(out, "the certificate must be for "+pki.ServerName+" and of the authority that the gateway trusts")
	}
	return strings.Join(out, "\n")
}

// resolve asks the gateway's name server.
func (d *Drill) resolve(ctx context.Context, words []string) string {
	if d.way.Name == "" {
		return "The gateway looks no name up: it has the address " + d.way.Upstream.String() + "."
	}
	name := d.way.Name
	if len(words) > 0 {
		name = words[0]
	}
	addrs, err := d.lookUp(ctx, name)
	if err != nil {
		return fmt.Sprintf("%s at %s: %s", name, d.way.Resolver, failure(err, d.patience))
	}
	return fmt.Sprintf("%s at %s: %s", name, d.way.Resolver, strings.Join(addrs, ", "))
}

func (d *Drill) lookUp(ctx context.Context, name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	addrs, err := outside.Resolver(ctx, d.way.Resolver, nil).LookupNetIP(ctx, "ip4", strings.TrimSuffix(name, ".")+".")
	var out []string
	for _, a := range addrs {
		out = append(out, a.Unmap().String())
	}
	return out, err
}

// target is where the gateway would connect to now.
func (d *Drill) target(ctx context.Context) (netip.AddrPort, error) {
	if d.way.Name == "" {
		return d.way.Upstream, nil
	}
	addrs, err := d.lookUp(ctx, d.way.Name)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%s cannot be looked up: %s", d.way.Name, failure(err, d.patience))
	}
	addr, err := netip.ParseAddr(addrs[0])
	return netip.AddrPortFrom(addr, d.way.Upstream.Port()), err
}

// failure says in words what went wrong.
func failure(err error, patience time.Duration) string {
	var dns *net.DNSError
	var sys syscall.Errno
	var n net.Error
	switch {
	case errors.As(err, &dns) && !dns.IsTimeout:
		return dns.Err
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &n) && n.Timeout():
		return fmt.Sprintf("no answer within %s", patience)
	case errors.As(err, &sys):
		return sys.Error()
	}
	return err.Error()
}

// connect does what the gateway does before it sends a request.
func (d *Drill) connect(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	to, err := d.target(ctx)
	if err != nil {
		return err.Error()
	}
	began := time.Now()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
	if err != nil {
		return fmt.Sprintf("%s: %s", to, failure(err, d.patience))
	}
	defer conn.Close()
	text := fmt.Sprintf("%s: connected in %s", to, time.Since(began).Round(time.Millisecond))
	if d.way.Protocol != string(upstream.OverTLS) {
		return text
	}
	return text + "\n" + d.handshake(ctx, conn)
}

// handshake shows the certificate, and whether the gateway would take it.
func (d *Drill) handshake(ctx context.Context, conn net.Conn) string {
	c := tls.Client(conn, &tls.Config{ServerName: pki.ServerName, InsecureSkipVerify: true})
	if err := c.HandshakeContext(ctx); err != nil {
		return "TLS: " + failure(err, d.patience)
	}
	state := c.ConnectionState()
	leaf := state.PeerCertificates[0]
	text := fmt.Sprintf("%s, certificate of %s for %s, by %s, valid from %s until %s", tls.VersionName(state.Version), leaf.Subject, strings.Join(leaf.DNSNames, ", "),
		leaf.Issuer, leaf.NotBefore.Format(time.DateOnly), leaf.NotAfter.Format(time.DateOnly))
	pem, err := d.Seat.Authority(ctx)
	if err != nil {
		return text + "\n" + err.Error()
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: pki.ServerName}); err != nil {
		return text + "\nthe gateway does not take it: " + err.Error()
	}
	return text + "\nthe gateway takes it"
}

// curl sends one request, through the gateway or past it.
func (d *Drill) curl(ctx context.Context, words []string) string {
	if len(words) == 0 || words[0] != "through" && words[0] != "past" || len(words) > 1 && !pathForm.MatchString(words[1]) {
		return "Write: curl through, or curl past, and a path if you like."
	}
	to := "/"
	if len(words) > 1 {
		to = words[1]
	}
	if words[0] == "through" {
		return told(d.Seat.Send(ctx, d.mark(), scenarios.Request{Method: http.MethodGet, Path: to}, d.patience), d.patience)
	}
	at, err := d.target(ctx)
	if err != nil {
		return err.Error()
	}
	o := probe.Options{Patience: d.patience}
	if d.way.Protocol == string(upstream.OverTLS) {
		o.TLS = &probe.TLSOptions{ServerName: pki.ServerName}
	}
	return told(probe.Do(ctx, at.String(), probe.Request{Target: to, Close: true}, o), d.patience)
}

// told says what came of a request.
func told(e probe.Exchange, patience time.Duration) string {
	took := fmt.Sprintf("first byte after %s, all after %s", e.FirstByte.Round(time.Millisecond), e.Done.Round(time.Millisecond))
	switch o := e.Outcome(); {
	case e.End == probe.EndDialError || e.End == probe.EndHandshake:
		return failure(e.Err, patience)
	case e.Status == 0 && e.End == probe.EndTimeout:
		return fmt.Sprintf("no answer within %s", patience)
	case e.Status == 0 && o.Kind == probe.Reset:
		return "reset without an answer"
	case e.Status == 0 && o.Kind == probe.Closed:
		return "closed without an answer"
	case e.Header == nil:
		return fmt.Sprintf("no HTTP: %q", cut(string(e.Bytes()), 80))
	}
	out := []string{fmt.Sprintf("HTTP/1.1 %d %s", e.Status, http.StatusText(e.Status))}
	for _, name := range []string{"Server", "Via", "Retry-After", "Content-Type", "Content-Length"} {
		if value := e.Header.Get(name); value != "" {
			out = append(out, name+": "+value)
		}
	}
	if len(e.Body) > 0 {
		out = append(out, strconv.Quote(cut(string(e.Body), 120)))
	}
	switch {
	case e.Complete:
		out = append(out, "whole, "+took)
	case e.End == probe.EndTimeout:
		out = append(out, fmt.Sprintf("stalled after %d bytes, %s", e.BodyLen, took))
	default:
		out = append(out, fmt.Sprintf("cut after %d bytes by %s, %s", e.BodyLen, e.End, took))
	}
	return strings.Join(out, "\n")
}

func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return text[:n] + "..."
}
