package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/gatefault/gatefault/suites/config"
)

// StartOwn starts a gateway with its user's configuration and returns when every entry accepts. Nothing of the user's is
// written to. On failure nothing is left behind; the error wraps [ErrNoImage], or is a [*ConfigError] when the product refuses
// the configuration, or a [*StartError].
func StartOwn(ctx context.Context, own Own) (*Running, error) {
	if err := own.validate(); err != nil {
		return nil, err
	}
	entries, err := own.entries()
	if err != nil {
		return nil, err
	}
	switch {
	case own.Place == PlaceLocal && own.Sandbox == nil:
		return nil, fmt.Errorf("start %s: a sandbox is needed", own.Definition.Name)
	case own.Place == PlaceLocal:
		return own.startLocal(ctx, entries)
	case own.Network == nil:
		return nil, fmt.Errorf("start %s: a container needs a network", own.Definition.Name)
	}
	if _, err := own.files(nil); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	image, err := own.Engine.Image(ctx, own.Definition, own.Image)
	if err != nil {
		return nil, err
	}
	return firstThatRuns(ctx, binariesOf(own.Definition, image), func(binary string) (*Running, error) {
		return own.start(ctx, image, binary, entries)
	})
}

// CheckOwn runs the product's own check of its user's configuration. The error is a [*ConfigError] when the product refuses it. Without
// a network of ours the container has none.
func CheckOwn(ctx context.Context, own Own) error {
	if err := own.validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if own.Place == PlaceLocal {
		return own.checkLocal(ctx)
	}
	image, err := own.Engine.Image(ctx, own.Definition, own.Image)
	if err != nil {
		return err
	}
	_, err = firstThatRuns(ctx, binariesOf(own.Definition, image), func(binary string) (struct{}, error) {
		return struct{}{}, own.check(ctx, image, binary)
	})
	return err
}

// firstThatRuns tries the names of a program.
func firstThatRuns[T any](ctx context.Context, binaries []string, run func(binary string) (T, error)) (T, error) {
	var failures []error
	for _, binary := range binaries {
		running, err := run(binary)
		if err == nil {
			return running, nil
		}
		failures = append(failures, err)
		var started *StartError
		var refused *ConfigError
		if errors.As(err, &started) || errors.As(err, &refused) || errors.Is(err, ErrLacks) || ctx.Err() != nil {
			break // the program is there, another name would not help
		}
	}
	var none T
	return none, errors.Join(failures...)
}

// start runs the gateway once.
func (o Own) start(ctx context.Context, image Image, binary string, entries []config.Entry) (*Running, error) {
	d := o.Definition
	beside, err := o.besideSyslog()
	if err != nil {
		return nil, err
	}
	logs, run := NewLogBook(Regexp{}), &ownRun{Own: o, image: image, binary: binary, args: d.Own.Run, beside: beside}
	box, err := run.open(ctx, logs)
	if err != nil {
		return nil, fmt.Errorf("run %s in %s: %w", binary, image.Ref, err)
	}
	r := &Running{spec: Spec{Definition: d, Place: o.Place, Engine: o.Engine, Network: o.Network, Program: o.Program},
		image: image.String(), logs: logs, box: box, stop: box.remove, stands: run.stands}
	err = box.awaitEntries(ctx, entries)
	if err == nil {
		r.version, err = o.version(ctx, image, binary, box)
	}
	if err != nil {
		return nil, errors.Join(o.reason(ctx, image, binary, logs, err), box.remove(ctx))
	}
	return r, nil
}

// reason tells why the gateway did not start: when its own check refuses the configuration, that is it.
func (o Own) reason(ctx context.Context, image Image, binary string, logs *LogBook, err error) error {
	var refused *ConfigError
	if checkErr := o.check(ctx, image, binary); errors.As(checkErr, &refused) {
		return refused
	}
	return o.failure(logs, err)
}

// failure is a start that went wrong, in the user's paths.
func (o Own) failure(logs *LogBook, err error) error {
	failure := startError(o.Definition.Name, logs, err)
	if files, err := config.OpenFiles(o.Source); err == nil {
		for i, line := range failure.Log {
			failure.Log[i] = userPaths(files, line)
		}
	}
	return failure
}

// check asks the product for its opinion, in a container of its own.
func (o Own) check(ctx context.Context, image Image, binary string) (err error) {
	logs, run := NewLogBook(Regexp{}), &ownRun{Own: o, image: image, binary: binary, args: o.Definition.Own.Check}
	box, err := run.open(ctx, logs)
	if err != nil {
		return fmt.Errorf("check the configuration with %s in %s: %w", binary, image.Ref, err)
	}
	defer func() { err = errors.Join(err, box.remove(ctx)) }()
	code, err := box.exitCode(ctx)
	if err != nil || code == 0 {
		return err
	}
	return o.refused(logs)
}

// refused is what the product said when its check of the configuration failed.
func (o Own) refused(logs *LogBook) error {
	files, err := config.OpenFiles(o.Source)
	if err != nil {
		return err
	}
	var said []string
	for _, line := range logs.Tail(maxVersionLines) {
		said = append(said, line.Text)
	}
	return o.refusal(files, said)
}

// awaitEntries waits until every entry accepts.
func (b *box) awaitEntries(ctx context.Context, entries []config.Entry) error {
	if !b.addr.IsValid() {
		return b.awaitExit(ctx)
	}
	return awaitEntries(ctx, entries, func(config.Entry) netip.Addr { return b.addr }, lookTCP, b.exited)
}

// awaitEntries waits until every entry accepts at its address.
func awaitEntries(ctx context.Context, entries []config.Entry, addr func(config.Entry) netip.Addr, look looker, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, entry := range entries {
		err := awaitEach(ctx, look, []netip.AddrPort{netip.AddrPortFrom(addr(entry), entry.Port)}, exited)
		switch {
		case errors.Is(err, errExited):
			return err
		case err != nil:
			return fmt.Errorf("nothing accepts at port %d (%s): %w", entry.Port, entry.At, err)
		}
	}
	return nil
}
