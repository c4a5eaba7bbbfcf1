package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNoBinary means that the gateway's program is not installed.
var ErrNoBinary = errors.New("not installed")

// sbinFolders hold daemons on most distributions and are not in every user's PATH.
func sbinFolders() []string { return []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} }

// FindBinary finds the gateway's program in PATH, then in the usual sbin folders. The error wraps [ErrNoBinary].
func FindBinary(d *Definition) (string, error) {
	for _, name := range d.Binaries {
		if found, err := exec.LookPath(name); err == nil {
			return found, nil
		}
		for _, folder := range sbinFolders() {
			if found, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
				return found, nil
			}
		}
	}
	return "", fmt.Errorf("gateway %s (%s) is %w", d.Name, strings.Join(d.Binaries, ", "), ErrNoBinary)
}

func startLocal(ctx context.Context, spec Spec) (*Running, error) {
	if spec.usesSystemResolver() && !spec.OwnResolvConf {
		return nil, fmt.Errorf("%s %w on this machine: it looks names up by /etc/resolv.conf, which it shares with everybody; in a container it has its own", spec.Definition.Title, ErrLacks)
	}
	binary, err := localBinary(spec)
	if err != nil {
		return nil, err
	}
	if spec.Lanes, err = withFreePorts(spec.Lanes); err != nil {
		return nil, &StartError{Gateway: spec.Definition.Name, Err: err}
	}
	scratch, err := scratchFolder()
	if err != nil {
		return nil, err
	}
	r, err := runLocal(ctx, spec, binary, scratch)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(scratch))
	}
	return r, nil
}

func localBinary(spec Spec) (string, error) {
	if spec.Binary == "" {
		return FindBinary(spec.Definition)
	}
	found, err := exec.LookPath(spec.Binary)
	if err != nil {
		return "", fmt.Errorf("gateway %s: %s is no program that can be run: %w", spec.Definition.Name, spec.Binary, errors.Join(ErrNoBinary, err))
	}
	return filepath.Abs(found)
}

// withFreePorts gives each lane without a port a free one, and makes sure that the ports asked for are free: a stranger
// that listens there would pass for the gateway. All are held at the same time, so they differ.
func withFreePorts(lanes []Lane) ([]Lane, error) {
	out := append([]Lane(nil), lanes...)
	for i, lane := range lanes {
		held, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(lane.Listen))))
		if err != nil {
			return nil, fmt.Errorf("lane %d cannot have port %d of 127.0.0.1, choose another: %w", i, lane.Listen, err)
		}
		defer held.Close()
		out[i].Listen = held.Addr().(*net.TCPAddr).AddrPort().Port()
	}
	return out, nil
}

func runLocal(ctx context.Context, spec Spec, binary, scratch string) (*Running, error) {
	version, err := spec.Definition.askVersion(ctx, binary, localRunner(binary))
	if err != nil {
		return nil, &StartError{Gateway: spec.Definition.Name, Err: err}
	}
	if err := spec.lacking(version); err != nil {
		return nil, err
	}
	cmd, err := localCommand(spec, binary, scratch)
	if err != nil {
		return nil, err
	}
	r := &Running{spec: spec, version: version, image: binary, logs: NewLogBook(spec.Definition.Lane)}
	for _, lane := range spec.Lanes {
		r.lanes = append(r.lanes, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), lane.Listen))
	}
	child, err := startProcess(cmd, r.logs, spec.bound())
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	r.stop = func(ctx context.Context) error { return errors.Join(child.stop(ctx), os.RemoveAll(scratch)) }
	if err := awaitLocal(ctx, r, child); err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		stopErr := r.stop(stopping)
		return nil, errors.Join(startError(r.Name(), r.logs, err), stopErr)
	}
	return r, nil
}

func localCommand(spec Spec, binary, scratch string) (*exec.Cmd, error) {
	d := spec.Definition
	view := newView(spec, "127.0.0.1", scratch)
	text, err := spec.text(view)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(view.Config, []byte(text), 0o644); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	for name, content := range spec.Files {
		if err := os.WriteFile(view.File(name), []byte(content), 0o644); err != nil {
			return nil, fmt.Errorf("write a file of the configuration: %w", err)
		}
	}
	args, err := expandAll(d.Run, view)
	if err != nil {
		return nil, err
	}
	env, err := spec.environment(view)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, args...)
	cmd.Dir = scratch
	cmd.Env = os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd, nil
}

func awaitLocal(ctx context.Context, r *Running, child *process) error {
	d := r.spec.Definition
	if err := awaitReady(ctx, d.Ready, r.lanes, child.exited); err != nil {
		return err
	}
	select {
	case <-child.exited:
		return errExited
	default:
		return nil
	}
}

// CheckConfig runs the product's own check of a profile's configuration and returns its complaint as an error. The check
// has 5 s.
func CheckConfig(ctx context.Context, spec Spec) (err error) {
	if err := spec.validate(); err != nil {
		return err
	}
	binary, err := localBinary(spec)
	if err != nil {
		return err
	}
	if spec.Lanes, err = withFreePorts(spec.Lanes); err != nil {
		return fmt.Errorf("check %s: %w", spec.Definition.Name, err)
	}
	scratch, err := scratchFolder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	cmd, err := localCommand(spec, binary, scratch)
	if err != nil {
		return err
	}
	args, err := expandAll(spec.Definition.Check, newView(spec, "127.0.0.1", scratch))
	if err != nil {
		return err
	}
	check := exec.Command(binary, args...)
	check.Dir, check.Env = cmd.Dir, cmd.Env
	answer, err := within(ctx, binary+" did not check its configuration", func(ctx context.Context) (said, error) {
		return runCommand(ctx, check)
	})
	switch {
	case err != nil:
		return err
	case answer.ended != "":
		return fmt.Errorf("%s refuses its configuration: %s: %s", spec.Definition.Name, answer.ended, lastLines(answer.text, logTail))
	}
	return nil
}
