package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/upstream/control"
	"github.com/gatefault/gatefault/upstream/fault"
)

type faultsCmd struct {
	Name string `arg:"" optional:"" help:"Explain this fault."`
	JSON bool   `name:"json" help:"Print JSON."`
}

func (c *faultsCmd) Run(a *app) error {
	if c.Name == "" {
		return a.listFaults(c.JSON)
	}
	f, err := fault.Find(c.Name)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(describeFault(f))
	}
	return a.explainFault(f)
}

// describeFault gives the form that the control API has too.
func describeFault(f *fault.Fault) control.Fault {
	return control.Fault{
		Name: f.Name, Layer: f.Layer(), Doc: f.Doc, Level: f.Level, Evidence: f.Evidence,
		Needs: append([]fault.Need{}, f.Needs...), Params: append([]fault.Param{}, f.Params...), Script: f.Script,
	}
}

func (a *app) listFaults(asJSON bool) error {
	if asJSON {
		var list control.Faults
		for _, f := range fault.All() {
			list.Faults = append(list.Faults, describeFault(f))
		}
		return a.printJSON(list)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FAULT\tPARAMETERS\tTHE UPSTREAM ...")
	for _, f := range fault.All() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Name, strings.Join(assignments(f), " "), f.Doc)
	}
	return w.Flush()
}

// assignments gives the parameters as inject takes them, with their defaults.
func assignments(f *fault.Fault) []string {
	var out []string
	for _, p := range f.Params {
		out = append(out, p.Name+"="+p.Default)
	}
	return out
}

func (a *app) explainFault(f *fault.Fault) error {
	used, err := scenariosOf(f)
	if err != nil {
		return err
	}
	a.printf("%s\n%s\n", f.Name, wrap("The upstream "+f.Doc+".", "  "))
	a.section("Acts", levelText(f.Level))
	a.section("Evidence that it fired", evidenceText(f.Evidence))
	var needs, params []string
	for _, n := range f.Needs {
		needs = append(needs, needText(n))
	}
	for _, p := range f.Params {
		params = append(params, fmt.Sprintf("%s (%s, default %s, from %s to %s): %s", p.Name, p.Kind, p.Default, p.Min, p.Max, p.Doc))
	}
	a.bullets("Needs", needs...)
	a.bullets("Parameters", params...)
	if f.Script != "" {
		a.block("Script", strings.Split(f.Script, "\n")...)
	}
	a.block("Example", strings.Join(append([]string{"gatefault inject app", f.Name}, assignments(f)...), " "))
	a.block("Scenarios that use it", used...)
	return nil
}

// scenariosOf lists the built-in scenarios that inject a fault.
func scenariosOf(f *fault.Fault) ([]string, error) {
	catalogue, err := scenarios.Builtin()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, s := range catalogue.All() {
		if s.Fault == f.Name {
			out = append(out, s.ID+": "+s.Title)
		}
	}
	return out, nil
}

func levelText(l fault.Level) string {
	switch l {
	case fault.Armed:
		return "below HTTP, on the whole endpoint while it is in force"
	case fault.Accept:
		return "on a new connection, before anything is read"
	}
	return "on a request, once its head has been read"
}

func evidenceText(e fault.Evidence) string {
	switch e {
	case fault.Event:
		return "the upstream's journal names the connection or request that met it"
	case fault.Kernel:
		return "the kernel counted the packets"
	case fault.Exit:
		return "the wait status of the serving process"
	}
	return "none: nothing is injected"
}

func needText(n fault.Need) string {
	switch n {
	case fault.NetAdmin:
		return "the right to set firewall rules in a network namespace of the upstream's own"
	case fault.Process:
		return "an endpoint that is served by a process of its own: gatefault upstream --kind process"
	case fault.Memory:
		return "a memory limit on the upstream's container"
	}
	return string(n)
}
