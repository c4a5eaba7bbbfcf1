package gateway

import "fmt"

// askVersion asks the product for its version; run runs its program with these arguments and gives what it printed.
func (d *Definition) askVersion(run func(args []string) ([]byte, error)) (string, error) {
	version, err := d.Version.ask(d.Name, run)
	if err != nil || d.Version.Built == nil {
		return version, err
	}
	built, err := d.Version.Built.ask(d.Name, run)
	return version + "+" + built, err
}

func (p VersionProbe) ask(name string, run func(args []string) ([]byte, error)) (string, error) {
	text, err := run(p.Args)
	if err != nil {
		return "", fmt.Errorf("ask for the version: %w", err)
	}
	found := p.Match.FindStringSubmatch(string(text))
	if found == nil {
		return "", fmt.Errorf("%s printed no version that %s matches: %q", name, p.Match, lastLines(string(text), 3))
	}
	return found[1], nil
}
