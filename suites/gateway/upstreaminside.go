package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"

	"github.com/gatefault/gatefault/suites/sandbox"
)

// inside is an upstream in a sandbox.
type inside struct {
	sandbox *Sandbox
	program *sandboxed
	far     bool
}

// nearControl is where the control API of an upstream beside the gateway listens. No configuration is likely to name it.
var nearControl = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 83, 255, 254}), ControlPort)

// Upstream runs the upstream in the sandbox, on another machine in the gateway's eyes or, with spec.Beside, on its own. It is
// reached through [Sandbox.Dial], and returned when its control port accepts. The program must be the one that the sandbox
// was made with.
func (s *Sandbox) Upstream(ctx context.Context, spec UpstreamSpec) (*Upstream, error) {
	if spec.Memory > 0 {
		return nil, errors.New("run the upstream: a limit of memory needs a container")
	}
	u := &Upstream{addr: sandbox.FarAddr, control: netip.AddrPortFrom(sandbox.FarAddr, ControlPort), logs: NewLogBook(Regexp{})}
	if spec.Beside != nil {
		u.addr, u.control = nearControl.Addr(), nearControl
	}
	command := sandbox.Command{Path: spec.Binary, Args: spec.Args, Far: spec.Beside == nil}
	if command.Args == nil {
		command.Args = []string{"upstream"}
	}
	env := map[string]string{tokenVariable: spec.Token, "GATEFAULT_CONTROL": u.control.String(), "GATEFAULT_LISTEN": "none", "GATEFAULT_OWN_NETNS": "1"}
	if spec.Authority != nil {
		env[authorityVariable] = string(spec.Authority)
	}
	maps.Copy(env, spec.Env)
	command.Env = os.Environ()
	for _, name := range slices.Sorted(maps.Keys(env)) {
		command.Env = append(command.Env, name+"="+env[name])
	}
	program, err := s.run(ctx, command, u.logs)
	if err != nil {
		return nil, fmt.Errorf("run the upstream: %w", err)
	}
	u.inside = &inside{s, program, command.Far}
	if err := awaitEach(ctx, s.look, []netip.AddrPort{u.control}, program.exited); err != nil {
		return nil, errors.Join(startError("upstream", u.logs, err), program.stop(ctx))
	}
	return u, nil
}

// take gives the upstream further addresses. Those of 127.0.0.0/8 are everybody's beside the gateway.
func (i *inside) take(ctx context.Context, addrs []netip.Addr) error {
	add := i.sandbox.inside.AddAddress
	if i.far {
		add = i.sandbox.inside.AddFarAddress
	}
	for _, addr := range addrs {
		if addr.IsLoopback() && !i.far {
			continue
		}
		if err := add(ctx, addr); err != nil {
			return fmt.Errorf("give the upstream the address %s: %w", addr, err)
		}
	}
	return nil
}
