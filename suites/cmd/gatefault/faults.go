package main

import (
	"fmt"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/upstream/control"
	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/wire"
)

type faultsCmd struct {
	Name string `arg:"" optional:"" help:"Explain this fault."`
	JSON bool   `name:"json" xor:"form" help:"Print JSON."`

	Verbs bool `xor:"form" help:"List the verbs of a wire script, which inject --script takes."`
}

func (c *faultsCmd) Run(a *app) error {
	switch {
	case c.Verbs && c.Name != "":
		return usagef("--verbs lists the verbs of all scripts; leave out %s", c.Name)
	case c.Verbs:
		a.printf("%s\n", strings.Join(wire.Usage(), "\n"))
		return nil
	case c.Name == "":
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
	layers := map[string]bool{}
	rows := [][]string{{"FAULT", "THE UPSTREAM ... (parameters with their defaults)"}}
	for _, f := range fault.All() {
		text := f.Doc
		if len(f.Params) > 0 {
			text += " (" + strings.Join(assignments(f), " ") + ")"
		}
		rows = append(rows, []string{f.Name, text})
		layers[f.Layer()] = true
	}
	a.table(rows)
	a.printf("%s, %s\n", plural(len(rows)-1, "fault", "faults"), plural(len(layers), "layer", "layers"))
	return nil
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
	uses, err := scenariosOf(f)
	if err != nil {
		return err
	}
	var used []string
	for _, s := range uses {
		used = append(used, s.ID+": "+s.Title)
	}
	a.printf("%s\n%s\n", f.Name, a.wrap("The upstream "+f.Doc+".", "  "))
	a.section("Acts", levelText(f.Level))
	a.section("Evidence that it fired", evidenceText(f.Evidence))
	var needs, params []string
	for _, n := range f.Needs {
		needs = append(needs, needText(n))
	}
	for _, p := range f.Params {
		params = append(params, fmt.Sprintf("%s (%s, default %s, %s): %s", p.Name, p.Kind, p.Default, boundsText(p), p.Doc))
	}
	a.bullets("Needs", needs...)
	a.bullets("Parameters", params...)
	if f.Script != "" {
		a.block("Script", strings.Split(f.Script, "\n")...)
	}
	a.block("Example", exampleOf(f, uses)...)
	a.bullets("Scenarios that use it", used...)
	return nil
}

// scenariosOf lists the built-in scenarios that inject a fault.
func scenariosOf(f *fault.Fault) ([]*scenarios.Scenario, error) {
	catalogue, err := scenarios.Builtin()
	if err != nil {
		return nil, err
	}
	var out []*scenarios.Scenario
	for _, s := range catalogue.All() {
		if s.Fault == f.Name {
			out = append(out, s)
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
	case fault.Beyond:
		return "not at an endpoint: in a real backend or in the gateway"
	}
	return "on a request, once its head has been read"
}

func evidenceText(e fault.Evidence) string {
	switch e {
	case fault.Event:
		return "the upstream's journal names the connection or request that met it"
	case fault.Kernel:
		return "the kernel counted the packets"
	case fault.State:
		return "an attempt of the upstream's own met it, before and after, and no connection came through"
	case fault.Query:
		return "the upstream's journal has the question that its name server answered wrong"
	case fault.Exit:
		return "the wait status of the serving process"
	case fault.Log:
		return "the log of what did it names it"
	}
	return "none: nothing is injected"
}

func needText(n fault.Need) string {
	switch n {
	case fault.NetAdmin:
		return "the right to set firewall rules in a network namespace of the upstream's own"
	case fault.Shaping:
		return "a kernel that can hand packets to a program (nft_compat, xt_NFQUEUE, nfnetlink_queue)"
	case fault.Socket:
		return "an endpoint with a unix socket: gatefault upstream --sockets FOLDER"
	case fault.Egress:
		return "an endpoint that stands for an address on the gateway's way out: gatefault upstream --kind egress"
	case fault.Process:
		return "an endpoint that is served by a process of its own: gatefault upstream --kind process"
	case fault.Memory:
		return "a memory limit on the upstream's container"
	case fault.NameServer:
		return "a name server, which the gateway asks: gatefault upstream --dns 127.0.0.1:9553"
	case fault.OldAddress:
		return "an endpoint on loopback, or the right to add an address in a network namespace of the upstream's own"
	case fault.Backend:
		return "a real application server in a container, which scenarios start"
	}
	return string(n)
}

func boundsText(p fault.Param) string {
	if p.Kind == fault.Word {
		return "one of " + strings.Join(p.Words(), ", ")
	}
	return fmt.Sprintf("from %s to %s", p.Min, p.Max)
}
