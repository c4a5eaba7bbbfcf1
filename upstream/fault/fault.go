// Package fault is the catalogue of what an upstream can do wrong. Each fault is one table entry: a name, a sentence,
// its parameters and a wire script, or what it arms below the request.
package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/upstream/wire"
)

// Level says where a fault acts.
type Level string

// The levels, from the outside in.
const (
	Armed   Level = "armed"   // below HTTP: the whole endpoint is armed while the plan is in force
	Accept  Level = "accept"  // at a new connection, before anything is read
	Request Level = "request" // at a request whose head has been read
	Beyond  Level = "beyond"  // not at an endpoint: a real backend or the gateway's own configuration does it
)

// Evidence says what proves that a fault fired.
type Evidence string

// Kinds of evidence.
const (
	Event  Evidence = "event"  // a journal event on a connection or request
	Kernel Evidence = "kernel" // a firewall counter
	Exit   Evidence = "exit"   // a wait status of the serving process
	Query  Evidence = "query"  // a question that the name server answered wrong
	Log    Evidence = "log"    // a line in the log of what did it
	State  Evidence = "state"  // an attempt of the upstream's own met the fault, before and after, and nothing came through
	None   Evidence = "none"   // nothing is injected
)

// Need is something a fault wants from the machine.
type Need string

// What faults need.
const (
	NetAdmin Need = "net-admin" // CAP_NET_ADMIN over a network namespace of the upstream's own
	Process  Need = "process"   // an endpoint served by a child process
	Memory   Need = "memory"    // a memory limit on the upstream's container
	Egress   Need = "egress"    // an endpoint that stands for an address on the gateway's way out
	Socket   Need = "socket"    // an endpoint with a unix socket
	Shaping  Need = "shaping"   // a kernel that can hold packets back
	// NameServer: the upstream's own name server. OldAddress: a second address, where the endpoint is said to have been.
	NameServer Need = "name-server"
	OldAddress Need = "old-address"
	Backend    Need = "backend" // a real application server behind the gateway: a profile that has one
)

// Arming names what an [Armed] fault does to the endpoint.
type Arming string

// Armings.
const (
	Refuse      Arming = "refuse"       // shut the listener, keep the port
	DropSYN     Arming = "drop-syn"     // firewall: drop connection attempts
	RejectReset Arming = "reject-reset" // firewall: answer with a TCP reset
	RejectHost  Arming = "reject-host"  // firewall: ICMP host unreachable
	RejectAdmin Arming = "reject-admin" // firewall: ICMP administratively prohibited
	StopProcess Arming = "stop-process" // SIGSTOP to the serving process

	CrashLoop    Arming = "crash-loop"    // the serving process exits and is started again, over and over
	Restart      Arming = "restart"       // the serving process is killed and started again
	RestartDrain Arming = "restart-drain" // another process takes over, the old one finishes
	KillScript   Arming = "kill-script"   // several serving processes, and one that is killed is replaced
	LimitFiles   Arming = "limit-files"   // the serving process may open no more files

	DropReplies Arming = "drop-replies" // firewall: drop what leaves from the address
	LosePackets Arming = "lose-packets" // firewall: drop a share of what arrives
	HoldPackets Arming = "hold-packets" // firewall: hold back what arrives
	SlowLink    Arming = "slow-link"    // firewall: hold what leaves to a rate
	FillBacklog Arming = "fill-backlog" // fill the listener's accept queue
	// The name server's answers to questions for the endpoint's name.
	SayNXDomain Arming = "say-nxdomain"
	SayServFail Arming = "say-servfail"
	SayRefused  Arming = "say-refused"
	SayNoData   Arming = "say-nodata"
	SayNothing  Arming = "say-nothing"
	SaySplit    Arming = "say-split"
	SayFlap     Arming = "say-flap"
	SayOld      Arming = "say-old"
	SayTaken    Arming = "say-taken"    // the old address, where another service listens
	StopBackend Arming = "stop-backend" // stop the backend's service and start it again

	RemoveSocket  Arming = "remove-socket"  // unix socket: the file is gone
	DenySocket    Arming = "deny-socket"    // unix socket: no permission to connect
	AbandonSocket Arming = "abandon-socket" // unix socket: a file on which nobody listens
	FillSocket    Arming = "fill-socket"    // unix socket: the accept queue is full

	DenyEgress Arming = "deny-egress" // routing policy: connecting to the address is prohibited
)

// Handler serves one request, or meets one connection at [Accept], in the way of a fault that needs logic. It tells the
// session when the fault takes effect.
type Handler func(ctx context.Context, s *wire.Session) error

// Fault is one entry of the catalogue.
type Fault struct {
	Name     string   // layer.event[-variant]
	Doc      string   // one sentence, without the name
	Level    Level    // where it acts
	Protocol string   // what the endpoint must speak: tls, h2, fcgi ...; empty: any
	Params   []Param  // what can be tuned
	Script   string   // the wire script's text, with ${param}; beside Arm or New it answers the requests that get through
	Arm      Arming   // for armed faults
	Evidence Evidence // what proves that it fired
	Needs    []Need   // what it wants from the machine
	// Ends is the wait status that proves it, with [Exit]: a signal's name or `exit code N`. Empty: it does not end.
	Ends string
	// Least is how often it must fire in the traffic of one cell to be itself; 0 means once.
	Least int
	// Log is, with that evidence, a regular expression of the line.
	Log string
	// Service is the fault of the service that a backend's application calls meanwhile.
	Service string
	// Incomplete says that the answer it sends is cut: a client that sees a complete message was deceived.
	Incomplete bool
	// Requests is the range of requests on a connection that it is about, unless a rule says otherwise: "2-" means reused
	// connections only. Empty means all.
	Requests string
	// New makes the handler of a fault that needs logic and state, once per plan rule; at [Armed] it answers requests.
	New func(Values) Handler
}

// Layer is the part of the name before the dot.
func (f *Fault) Layer() string {
	layer, _, _ := strings.Cut(f.Name, ".")
	return layer
}

// Needing tells whether the fault needs n.
func (f *Fault) Needing(n Need) bool { return slices.Contains(f.Needs, n) }

// Compile checks args and makes the fault's script; both results are nil for an armed fault without one.
func (f *Fault) Compile(args Args) (wire.Script, Handler, error) {
	vals, err := f.Values(args)
	if err != nil {
		return nil, nil, err
	}
	var handler Handler
	if f.New != nil {
		handler = f.New(vals)
	}
	if f.Script == "" {
		return nil, handler, nil
	}
	sc, err := wire.Parse(vals.expand(f.Script))
	if err != nil {
		return nil, nil, fmt.Errorf("fault %s: %w", f.Name, err)
	}
	if handler == nil && f.Arm == "" {
		sc = sc.Firing()
	}
	return sc, handler, nil
}

// Answers tells whether a fault that acts on connections, or below, also answers the requests that get through.
func (f *Fault) Answers() bool {
	return f.Level == Armed && (f.Script != "" || f.New != nil) || f.Level == Accept && f.Script != "" && f.New != nil
}

// expand puts the parameters into a script's text and leaves run-time names such as ${sentinel} alone.
func (v Values) expand(script string) string {
	return wire.Expand(script, func(name string) (string, bool) {
		val, ok := v[name]
		return val.text, ok
	})
}

// All lists the catalogue in the order of the layers.
func All() []*Fault {
	return slices.Concat(healthy, tcp, tls, unix, egress, head, body, conn, process, load, app, dns, php, waf, h2, grpc, ws, fcgi, config)
}

// Find gives the fault of that name; the error names the nearest ones.
func Find(name string) (*Fault, error) {
	all := All()
	names := make([]string, len(all))
	for i, f := range all {
		if f.Name == name {
			return f, nil
		}
		names[i] = f.Name
	}
	return nil, &UnknownError{Kind: "fault", Name: name, Nearest: Nearest(name, names)}
}

// ScriptName is what the journal calls a script of a user's own.
const ScriptName = "script"

// OfScript makes a fault of a user's own wire script, which acts on a request. incomplete says that the answer it sends
// is cut.
func OfScript(text string, incomplete bool) (*Fault, error) {
	sc, err := wire.Parse(text)
	if err != nil {
		return nil, err
	}
	f := &Fault{Name: ScriptName, Doc: "runs a script of your own", Level: Request, Script: text, Evidence: Event, Incomplete: incomplete,
		Protocol: sc.Protocol()}
	for _, use := range []struct {
		verb  string
		needs []Need
	}{{"kill", []Need{Process}}, {"eat-memory", []Need{Process, Memory}}, {"drop-connection", []Need{NetAdmin}}} {
		if sc.Uses(use.verb) {
			f.Needs = append(f.Needs, use.needs...)
		}
	}
	return f, nil
}

// UnknownError is the user's mistake of naming something that does not exist.
type UnknownError struct {
	Kind    string
	Name    string
	Nearest []string
}

func (e *UnknownError) Error() string {
	if len(e.Nearest) == 0 {
		return fmt.Sprintf("no %s is called %q", e.Kind, e.Name)
	}
	return fmt.Sprintf("no %s is called %q; did you mean %s?", e.Kind, e.Name, strings.Join(e.Nearest, ", "))
}
