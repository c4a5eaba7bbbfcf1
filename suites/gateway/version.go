package gateway

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// runner runs the product's program with these arguments, see runCommand.
type runner func(ctx context.Context, args []string) (said, error)

func localRunner(binary string) runner {
	return func(ctx context.Context, args []string) (said, error) {
		return runCommand(ctx, exec.Command(binary, args...))
	}
}

// askVersion asks the product for its version.
func (d *Definition) askVersion(ctx context.Context, binary string, run runner) (string, error) {
	version, err := d.Version.ask(ctx, d.Title, binary, run)
	if err != nil || d.Version.Built == nil {
		return version, err
	}
	built, err := d.Version.Built.ask(ctx, d.Title, binary, run)
	return version + "+" + built, err
}

func (p VersionProbe) ask(ctx context.Context, title, binary string, run runner) (string, error) {
	command := strings.Join(append([]string{binary}, p.Args...), " ")
	answer, err := within(ctx, command+" did not print its version", func(ctx context.Context) (said, error) { return run(ctx, p.Args) })
	if err != nil {
		return "", err
	}
	found := p.Match.FindStringSubmatch(answer.text)
	switch {
	case answer.ended != "":
		return "", fmt.Errorf("%s %s; a working %s prints something like %q", command, answer, title, p.Example)
	case found == nil:
		return "", fmt.Errorf("%s %s, so it is no %s (expected something like %q)", command, answer, title, p.Example)
	}
	return found[1], nil
}
