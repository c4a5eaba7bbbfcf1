package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/gatefault/gatefault/suites/drill"
	"github.com/gatefault/gatefault/suites/lab"
	"github.com/gatefault/gatefault/suites/run"
)

type labCmd struct {
	Listen    string `placeholder:"ADDR" default:"127.0.0.1:8600" from:"GATEFAULT_LAB" help:"Where the page is; other than loopback needs a token. Default: ${default}."`
	Token     string `from:"GATEFAULT_TOKEN" help:"Token that a browser must show: the address that is printed has it."`
	Gateway   words  `short:"g" placeholder:"NAME" help:"Gateways to start, by name or pattern; NAME=/path/to/program runs that program here instead of a container."`
	Image     words  `placeholder:"NAME=REF" help:"Image of a gateway or of a backend such as php-fpm; NAME=debian:SUITE builds it from that suite's packages."`
	Lessons   string `placeholder:"DIR" help:"Add your own lessons, the *.yaml files in DIR."`
	Scenarios string `placeholder:"DIR" help:"Add your own scenarios, the *.yaml files in DIR."`
	Local     bool   `help:"No containers: run what is installed, on loopback."`
	Require   string `placeholder:"containers" help:"Fail instead of falling back to local programs."`
}

// Help is shown below the flags.
func (labCmd) Help() string {
	return `Starts an upstream and all gateways that can run, and prints the address of a page: choose what breaks, send a request through ` +
		`all gateways, and watch what goes over the wires. The page has lessons; all who look at it see the same. It is for this ` +
		`machine alone unless --listen says otherwise. Ctrl-C ends it and leaves nothing behind.`
}

func (c *labCmd) Run(ctx context.Context, a *app) error {
	sel, err := (&runCmd{Gateway: c.Gateway, Image: c.Image, Scenarios: c.Scenarios}).choose()
	if err != nil {
		return usage(err)
	}
	catalogue, err := loadCatalogue(c.Scenarios)
	if err != nil {
		return usage(err)
	}
	lessons, err := lab.Lessons(catalogue)
	if err == nil && c.Lessons != "" {
		lessons, err = lab.WithLessons(lessons, c.Lessons, catalogue)
	}
	w := wish{c.Local, c.Require, sel.contained(), "Running what can run on loopback."}
	if err := errors.Join(err, w.check()); err != nil {
		return usage(err)
	}
	here, err := a.place(ctx, w)
	if err != nil {
		return err
	}
	listener, err := c.listen(a)
	if err != nil {
		return err
	}
	defer listener.Close()
	if here.elsewhere {
		started, err := a.labInside(ctx, here.why, listener)
		if started {
			return err
		}
		here.why += fmt.Sprintf("\nFirewall faults are left out: no network namespace can be made here (%v).", err)
	}
	a.printf("%s\n", here.why)
	bench, err := run.OpenBench(ctx, run.Options{
		Scenarios: lab.Needed(lessons, catalogue), Gateways: sel.gateways, Images: sel.images, Binaries: sel.binaries, Program: here.program,
		Local: !here.containers, NoEngine: w.noEngine(here), OwnNamespace: here.ownNamespace, OwnResolvConf: here.resolvConf,
		Progress: func(p run.Progress) { fmt.Fprintln(a.err, p.Message) },
	})
	if err != nil {
		return err
	}
	session := lab.NewSession(bench, catalogue, nil)
	board, err := drill.NewBoard(bench, catalogue, 0)
	if err == nil {
		err = c.serve(ctx, a, lab.Options{Listener: listener, Token: c.Token, Session: session, Lessons: lessons, Pages: []lab.Page{drills(board)}})
		err = errors.Join(err, board.Close())
	}
	return errors.Join(err, session.Close(ctx), bench.Close(ctx))
}

// drills is the lab's page of drills.
func drills(b *drill.Board) lab.Page {
	const at = "/drills"
	return lab.Page{Path: at, Title: "Drills", Handler: func(s *lab.Server) http.Handler { return b.Page(at, s.Frame) }}
}

// serve tells where the lab is, and answers until ctx ends.
func (c *labCmd) serve(ctx context.Context, a *app, o lab.Options) error {
	server, err := lab.Listen(o)
	if err != nil {
		return err
	}
	if err := a.printStands(o.Session.Stands()); err != nil {
		return errors.Join(err, server.Close())
	}
	a.printf("The lab is at %s - Ctrl-C ends it.\n", server.URL())
	return server.Serve(ctx)
}

func (a *app) printStands(all []run.Stand) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, s := range all {
		if s.Why == "" {
			fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, s.Version, s.Place)
			continue
		}
		why, _, _ := strings.Cut(s.Why, "\n")
		fmt.Fprintf(w, "%s\tdoes not run here\t%s\n", s.Name, why)
	}
	return w.Flush()
}

// labListener is the number under which the program that runs in a network namespace of its own finds the socket that was opened
// outside of it, where browsers are.
const labListener = 3

// listen opens the page's address before anything is started, or takes it over.
func (c *labCmd) listen(a *app) (*net.TCPListener, error) {
	if a.env[insideVariable] == "" {
		l, err := lab.Bind(c.Listen, c.Token)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, usagef("address %s is in use: choose another with --listen, or stop what listens there", c.Listen)
		}
		if err != nil {
			return nil, usage(err)
		}
		return l, nil
	}
	file := os.NewFile(labListener, "the lab's socket")
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("take over the lab's socket: %w", err)
	}
	return l.(*net.TCPListener), nil
}

// labInside runs the lab in a network namespace of its own, but for its page.
func (a *app) labInside(ctx context.Context, why string, l *net.TCPListener) (started bool, err error) {
	file, err := l.File()
	if err != nil {
		return false, fmt.Errorf("hand the lab's socket over: %w", err)
	}
	defer file.Close()
	return a.runInside(ctx, why, file)
}
