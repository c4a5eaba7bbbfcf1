package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"

	"github.com/gatefault/gatefault/upstream/fault"
)

// Exit codes. When a run earns several, the highest counts.
const (
	exitOK          = 0
	exitDrifted     = 1   // cells drifted
	exitFindings    = 1   // a check or a diagnosis found something
	exitChanged     = 1   // two reports differ
	exitUsage       = 2   // the user's mistake
	exitHarness     = 3   // gatefault or the machine failed, or a fault was not injected
	exitIdle        = 4   // a requested gateway ran no cell, or no cell at all got a verdict
	exitInterrupted = 130 // Ctrl-C
	exitPipe        = 141 // nobody reads the output any more: 128 + SIGPIPE, as shells tell it of other programs
)

const about = `Break the upstream on command. See what your gateway says. Know whether it said it right.

Exit codes: 0 as expected; 1 cells drifted, or check, diff or diagnose found something; 2 wrong usage, nothing was run; 3 the
harness failed or a fault was not injected; 4 a requested gateway ran no cell, or not one cell got a verdict; 130
interrupted. When a run earns several of 1, 3 and 4, the highest counts: a table with a gap proves less than one with a
difference.`

// grammar is the command line.
type grammar struct {
	Run       runCmd       `cmd:"" help:"Run scenarios on gateways and judge what comes out."`
	Check     checkCmd     `cmd:"" help:"Check your own gateway configuration, unmodified: what it does to users when the upstream breaks, and how to mend it."`
	Init      initCmd      `cmd:"" help:"Write a project for a configuration: what was found in it, and what else can be said."`
	Diff      diffCmd      `cmd:"" help:"Tell what changed between two reports."`
	Explain   explainCmd   `cmd:"" help:"Tell what happens in a scenario on a gateway: who sent what to whom and when, what was asked, and why."`
	Report    reportCmd    `cmd:"" help:"Make a page to look at of a JSON report."`
	Lab       labCmd       `cmd:"" help:"Open the live lab: a page on which a class breaks the upstream and sees what all gateways say."`
	Diagnose  diagnoseCmd  `cmd:"" help:"Read a gateway's logs: what made the failures in them, what tells the candidates apart, and what to do."`
	Merge     mergeCmd     `cmd:"" help:"Join the reports of several runs into one."`
	Faults    faultsCmd    `cmd:"" help:"List what the upstream can do wrong, or explain one fault."`
	Scenarios scenariosCmd `cmd:"" help:"List the scenarios, or explain one."`
	Probe     probeCmd     `cmd:"" help:"Look at a live site from outside: what each phase shows, who answered, what remains possible."`
	Drill     drillCmd     `cmd:"" help:"Rehearse an incident: traffic, a hidden fault, and what you would have at work to find it."`
	Gameday   gamedayCmd   `cmd:"" help:"Rehearse several incidents by a schedule of your own."`
	Runbook   runbookCmd   `cmd:"" help:"Write the runbook of your gateways, and the alerts that lead into it."`
	Upstream  upstreamCmd  `cmd:"" help:"Run a chaos upstream that is steered with inject, clear and journal."`
	Inject    injectCmd    `cmd:"" help:"Put a fault in force at an endpoint of a running upstream."`
	Clear     clearCmd     `cmd:"" help:"Make an endpoint of a running upstream healthy, or all of them."`
	Journal   journalCmd   `cmd:"" help:"Show what a running upstream saw and did."`
	Health    healthCmd    `cmd:"" help:"Tell whether a running upstream answers."`
	Images    imagesCmd    `cmd:"" help:"Get the images of all gateways: pull or build what is missing."`
	Sweep     sweepCmd     `cmd:"" help:"Remove what killed runs left behind."`
	Version   versionCmd   `cmd:"" help:"Print the version."`

	ResolveBy resolveByCmd `cmd:"" hidden:"" help:"Start a gateway in its container, with a name server of ours."`
	NetSetup  netSetupCmd  `cmd:"" hidden:"" help:"Give a container further addresses and routes."`

	AnswerNames answerNamesCmd `cmd:"" hidden:"" help:"Be the name server of a gateway in a sandbox."`

	WithSyslog withSyslogCmd `cmd:"" hidden:"" help:"Start a gateway in its container, beside a log server."`
}

// failure is an error with its exit code. Without an error nothing is printed.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// usage makes err the user's mistake.
func usage(err error) error { return &failure{exitUsage, err} }

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

// Main runs one command and gives its exit code. It reads nothing of the process but what is passed in; gateways and
// Docker read their own variables.
func Main(args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, cancel, stop := interruptible()
	defer stop()
	a := newApp(env, stdin, stdout, stderr, cancel)
	return a.exitCode(ctx, a.dispatch(ctx, args))
}

// helped is what the help flag ends parsing with: kong expects its exit function not to return.
type helped struct{ code int }

func (a *app) dispatch(ctx context.Context, args []string) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case helped:
			err = &failure{p.code, nil}
		default:
			panic(p)
		}
	}()
	parser, err := a.parser(ctx)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return usagef("%w; gatefault --help tells more", err)
	}
	return parsed.Run()
}

func (a *app) parser(ctx context.Context) (*kong.Kong, error) {
	return kong.New(&grammar{},
		kong.Name("gatefault"), kong.Description(about), kong.Writers(a.out, a.err), kong.Vars{"protocols": protocols()},
		kong.Exit(func(code int) { panic(helped{code}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
		kong.ValueFormatter(func(v *kong.Value) string {
			if name := v.Tag.Get("from"); name != "" {
				return v.Help + " [$" + name + "]"
			}
			return v.Help
		}),
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
			if value := a.env[f.Tag.Get("from")]; value != "" {
				return value, nil
			}
			return nil, nil
		})),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(a))
}

// exitCode prints the error, if there is one to print, and gives the code that it stands for.
func (a *app) exitCode(ctx context.Context, err error) int {
	var f *failure
	var unknown *fault.UnknownError
	switch {
	case errors.Is(context.Cause(ctx), errPipe):
		return exitPipe
	case err == nil:
		return exitOK
	case errors.As(err, &f) && f.err == nil:
		return f.code
	case errors.Is(context.Cause(ctx), errInterrupted):
		fmt.Fprintln(a.err, "gatefault: interrupted")
		return exitInterrupted
	}
	errors.As(err, &unknown)
	fmt.Fprintf(a.err, "gatefault: %v%s\n", err, elsewhere(unknown))
	switch {
	case f != nil:
		return f.code
	case unknown != nil:
		return exitUsage
	}
	return exitHarness
}

// elsewhere says where names are listed when none is near the unknown one.
func elsewhere(e *fault.UnknownError) string {
	if e == nil || len(e.Nearest) > 0 || e.Kind != "fault" && e.Kind != "scenario" {
		return ""
	}
	return fmt.Sprintf("; gatefault %ss lists them", e.Kind)
}
