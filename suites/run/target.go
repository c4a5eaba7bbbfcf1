package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

// TargetError is what keeps a check from a gateway that runs already, and that its user can mend.
type TargetError struct{ text string }

// Error is one sentence that says what to do.
func (e *TargetError) Error() string { return e.text }

func targetErrorf(format string, args ...any) error {
	return &TargetError{fmt.Sprintf(format, args...)}
}

// aim prepares a check of a gateway that runs already: there is one of it, so one cell runs at a time.
func (k *check) aim() {
	k.stage.opts.Lanes, k.stage.opts.Local = 1, true
	all := &strand{mode: byAddress}
	for _, s := range k.strands {
		all.ways = append(all.ways, s.ways...)
		all.add(s.servers)
	}
	for _, w := range all.ways {
		w.strand = all
	}
	k.strands = []*strand{all}
}

// prepareTarget finds the upstream of a gateway that runs already, or starts one in this process.
func (k *check) prepareTarget(ctx context.Context) (err error) {
	if err := k.stage.connect(ctx); err != nil {
		return err
	}
	if k.subject.Target.Control == "" {
		k.stage.plain, err = k.stage.startInProcess()
		return err
	}
	client, err := k.stage.client(k.subject.Target.Control, k.subject.Target.Token)
	if err == nil {
		k.stage.plain = &upstreamHost{control: client}
	}
	return err
}

// takePlace makes an instance of the gateway that runs already.
func (in *instance) takePlace(ctx context.Context) error {
	if in.memory {
		return errNoLimit
	}
	for _, s := range in.check.strands {
		in.hosts[s.house] = in.check.stage.plain
		for _, server := range s.servers {
			if err := in.claim(ctx, s, server); err != nil {
				return err
			}
		}
		for _, w := range s.ways {
			in.lanes[w] = in.laneTo(w)
		}
	}
	return nil
}

func (in *instance) laneTo(w *way) *lane {
	l := in.laneOf(w)
	l.place, l.entry = gateway.PlaceTarget, w.entry(in.check.subject.Target.Address)
	l.gate = sync.OnceValues(func() (*upstreamHost, error) {
		return nil, fmt.Errorf("%w: gatefault does not touch the way out of a gateway that runs already", upstream.ErrUnsupported)
	})
	return l
}

// claim makes an endpoint of the upstream one of the route's servers: a new one in this process, or one that is there.
func (in *instance) claim(ctx context.Context, s *strand, of config.Server) error {
	t := in.check.subject.Target
	if t.Control == "" {
		return in.stepIn(ctx, s, of)
	}
	client := in.check.stage.plain.control
	states, err := client.Endpoints(ctx)
	if err != nil {
		return err
	}
	found, err := t.endpointFor(states, of)
	if err != nil {
		return err
	}
	if want := s.protocolOf(of); cmp.Or(want, upstream.HTTP1) != found.Protocol {
		return targetErrorf("the upstream's endpoint %s speaks %s, and %s is to speak %s: open one that does", found.ID, found.Protocol, of.Key(), want)
	}
	in.stopping(func(ctx context.Context) error { return leave(ctx, client, found) })
	if _, err := client.SetKind(ctx, found.ID, upstream.HTTP); err != nil {
		return err
	}
	at, err := t.reach(found)
	in.servers[placeOf(of)] = server{found.ID, at}
	return err
}

// leave gives an endpoint back to its user: healthy, and served as before.
func leave(ctx context.Context, client *control.Client, was upstream.State) error {
	_, err := client.SetKind(ctx, was.ID, was.Kind)
	if err != nil {
		return fmt.Errorf("give endpoint %s back: %w", was.ID, err)
	}
	_, err = client.SetPlan(ctx, was.ID, upstream.Plan{}, upstream.Keep)
	return err
}

// reach is where we reach an endpoint ourselves: one that listens on every address is where the control API is.
func (t *Target) reach(s upstream.State) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(s.Address)
	if err != nil || !at.Addr().IsUnspecified() {
		return at, err
	}
	if u, err := url.Parse(t.Control); err == nil {
		if host, err := netip.ParseAddr(u.Hostname()); err == nil {
			return netip.AddrPortFrom(host, at.Port()), nil
		}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()), nil
}

// endpointFor finds the endpoint that is a server: by its name, its socket, its address or, where only one has it, its port.
func (t *Target) endpointFor(states []upstream.State, of config.Server) (upstream.State, error) {
	states = slices.DeleteFunc(slices.Clone(states), func(s upstream.State) bool { return s.Kind != upstream.HTTP && s.Kind != upstream.Process })
	for _, fits := range []func(upstream.State) bool{
		func(s upstream.State) bool { return s.ID == of.Key() || s.ID == of.Host && of.Host != "" },
		func(s upstream.State) bool { return of.Socket != "" && s.Socket == of.Socket },
		func(s upstream.State) bool { return s.Address == of.Key() },
		func(s upstream.State) bool { return of.Socket == "" && portOf(s) == of.Port },
	} {
		found := slices.DeleteFunc(slices.Clone(states), func(s upstream.State) bool { return !fits(s) })
		if len(found) == 1 {
			return found[0], nil
		}
	}
	if len(states) == 0 {
		return upstream.State{}, targetErrorf("the upstream at %s has no endpoint that serves requests; open one, as with gatefault upstream --listen app=127.0.0.1:8080", t.Control)
	}
	var names []string
	for _, s := range states {
		names = append(names, fmt.Sprintf("%s (%s)", s.ID, s.Address))
	}
	return upstream.State{}, targetErrorf("no endpoint of the upstream at %s is %s; there are %s: name one with --upstream", t.Control, of.Key(), strings.Join(names, ", "))
}

func portOf(s upstream.State) uint16 {
	at, _ := netip.ParseAddrPort(s.Address) // the API gives no other
	return at.Port()
}

// stepIn opens the endpoint where the gateway expects the server.
func (in *instance) stepIn(ctx context.Context, s *strand, of config.Server) error {
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	if of.Socket == "" {
		addr, err := ownAddress(ctx, of.Host)
		if err != nil {
			return err
		}
		at = netip.AddrPortFrom(addr, of.Port)
	}
	err := in.openAt(ctx, s, of, at)
	if errors.Is(err, syscall.EADDRINUSE) {
		return targetErrorf("%s is in use: stop what listens there for the time of the check, or name the control API of a gatefault upstream that does with --control", at)
	}
	return err
}

// ownAddress is this machine's address by which a host is known here; for a name that is not known here it is every address.
func ownAddress(ctx context.Context, host string) (netip.Addr, error) {
	every := netip.IPv4Unspecified()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return every, ctx.Err()
	}
	ours, err := net.InterfaceAddrs()
	if err != nil {
		return every, fmt.Errorf("list this machine's addresses: %w", err)
	}
	for _, addr := range addrs {
		addr = addr.Unmap()
		if addr.IsLoopback() || addr.IsUnspecified() || slices.ContainsFunc(ours, func(a net.Addr) bool { return strings.HasPrefix(a.String(), addr.String()+"/") }) {
			return addr, nil
		}
	}
	return every, targetErrorf("%s is another machine (%s), where gatefault cannot stand in for it: start gatefault upstream there and name its control API with --control", host, addrs[0].Unmap())
}

// serverField finds a product and its version in a field Server (RFC 9110 §10.2.4).
var serverField = regexp.MustCompile(`(?:^|\s)([A-Za-z][\w-]*)/(\d[\w.+-]*)`)

// versionIn is the version of a product that a field Server names, or nothing.
func versionIn(server, product string) string {
	for _, found := range serverField.FindAllStringSubmatch(server, -1) {
		if strings.EqualFold(found[1], product) {
			return found[2]
		}
	}
	return ""
}

// identify notes the version of a gateway that runs already, as it told. Where it did not, nothing known of the product is
// applied.
func (k *check) identify(cells []*cell) {
	if k.subject.Target == nil {
		return
	}
	for _, s := range k.strands {
		for _, w := range s.ways {
			k.version = cmp.Or(k.version, k.subject.Target.Version, versionIn(w.found.server, k.subject.Gateway.Name))
		}
	}
	for _, c := range cells {
		c.result.Gateway.Version, c.result.Gateway.Image = k.version, k.subject.Target.Address.String()
		if k.version == "" {
			own := *c.scenario
			own.Pins = nil
			c.scenario, c.result.Scenario = &own, &own
		}
		c.planned = *c.result
	}
}
