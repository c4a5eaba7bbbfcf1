package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/suites/config"
)

// Lane is one isolated way through a gateway: a listener with an upstream address of its own.
type Lane struct {
	// Index is the lane's number: its place in [Spec.Lanes].
	Index int
	// Profile is the lane's profile; default: the one of the spec.
	Profile string
	// Listen is the port that the gateway listens on. 0 means: 8001 + Index in a container, any free one elsewhere.
	Listen uint16
	// Upstream is where the gateway sends this lane's requests.
	Upstream netip.AddrPort
	// Backup is a second server, in profiles with two.
	Backup netip.AddrPort
	// Domain is the upstream's host name and Resolver its name server, in profiles with names.
	Domain   string
	Resolver netip.AddrPort
	// Socket is the path of the upstream's socket, in profiles with sockets.
	Socket string
}

// Place is where a gateway runs.
type Place string

// The places.
const (
	PlaceContainer Place = "container" // in a Docker container
	PlaceLocal     Place = "local"     // as a child process, on loopback
	PlaceEmbedded  Place = "embedded"  // inside this process, on loopback
	PlaceTarget    Place = "target"    // wherever it runs already; gatefault does not start it
)

// firstPort is the port of lane 0 in a container.
const firstPort = 8001

// startTimeout bounds the time from the start of a gateway to the moment when all its lanes accept.
const startTimeout = 30 * time.Second

// Spec says what to start and where.
type Spec struct {
	Definition *Definition
	Profile    string
	Lanes      []Lane
	Place      Place
	// Engine and Network are needed in containers. The gateway joins the network, nothing is published.
	Engine  *Engine
	Network *Network
	// Sockets, if set, is the volume with the upstream's sockets.
	Sockets *Volume
	// Image overrides the image ladder, see [Engine.Image].
	Image string
	// Binary overrides the search for a local program: a path.
	Binary string
	// Config, when not empty, is used as it is instead of the profile's template.
	Config string
	// Program is a static gatefault program for Linux. A container whose gateway can only look names up by /etc/resolv.conf
	// is started through it.
	Program string
	// OwnResolvConf says that this process and its children have a [ResolvConf] of their own, which names the lanes' server.
	OwnResolvConf bool
	// Files are written beside the configuration: name to content. Templates find them by {{.File "name"}}.
	Files map[string]string
	// Connect and Read, when set, are the timeouts towards the upstream, instead of the profile's.
	Connect, Read time.Duration
}

// ErrLacks means that the product, or this version of it, cannot have the profile.
var ErrLacks = errors.New("cannot have this profile")

// lacking tells why a version of the product cannot have the spec's profile.
func (s Spec) lacking(version string) error {
	d := s.Definition
	if r, ok := d.Requires[s.Profile]; ok && !r.Covers(version) {
		return fmt.Errorf("%s %s %w: %s (%s) needs %s", d.Title, version, ErrLacks, s.Profile, d.Profiles[s.Profile], r.text)
	}
	return nil
}

// Running is a gateway that is ready on every lane. Stop it.
type Running struct {
	spec    Spec
	version string
	image   string
	lanes   []netip.AddrPort
	logs    *LogBook
	stop    func(context.Context) error
	box     *box // nil outside of containers
	stands  []string
	entries []config.Entry // of a user's own configuration
}

// Name is the gateway's name, such as nginx.
func (r *Running) Name() string { return r.spec.Definition.Name }

// Title is the product's name as people write it.
func (r *Running) Title() string { return r.spec.Definition.Title }

// Version is the version as the product itself prints it, such as 1.26.3.
func (r *Running) Version() string { return r.version }

// Image is the image's tag and id, or the program's path, or "embedded".
func (r *Running) Image() string { return r.image }

// Profile is the name of the profile.
func (r *Running) Profile() string { return r.spec.Profile }

// Place is where the gateway runs.
func (r *Running) Place() Place { return r.spec.Place }

// Lanes is the number of lanes.
func (r *Running) Lanes() int { return len(r.lanes) }

// LaneAddr is where lane i is reached. For a container it is the container's own address, never a published port: the
// engine's proxy would turn a reset into a plain close. It panics when there is no lane i.
func (r *Running) LaneAddr(i int) netip.AddrPort { return r.lanes[i] }

// Logs is what the gateway logs.
func (r *Running) Logs() *LogBook { return r.logs }

// Stop ends the gateway at once and removes all that belongs to it. Stopping twice is harmless.
func (r *Running) Stop(ctx context.Context) error { return r.stop(ctx) }

// StartError tells that a gateway did not become ready.
type StartError struct {
	Gateway string
	// Log is the end of what the gateway logged, such as its complaint about its configuration.
	Log []string
	Err error
}

// Error gives the gateway's own words after the reason.
func (e *StartError) Error() string {
	if len(e.Log) == 0 {
		return fmt.Sprintf("%s did not start: %v", e.Gateway, e.Err)
	}
	return fmt.Sprintf("%s did not start: %v; its log ends with:\n  %s", e.Gateway, e.Err, strings.Join(e.Log, "\n  "))
}

// Unwrap is the reason.
func (e *StartError) Unwrap() error { return e.Err }

// logTail is how many of the gateway's log lines an error shows.
const logTail = 10

func startError(name string, logs *LogBook, err error) *StartError {
	failure := &StartError{Gateway: name, Err: err}
	for _, line := range logs.Tail(logTail) {
		failure.Log = append(failure.Log, line.Text)
	}
	return failure
}

// bound tells whether file permissions have to bind the gateway although it may run as root: they decide who may connect
// to a socket.
func (s Spec) bound() bool {
	return slices.ContainsFunc(s.Lanes, func(l Lane) bool { return l.Socket != "" })
}

// Start starts a gateway and returns when every lane is ready. On failure nothing is left behind; the error wraps
// [ErrNoImage], [ErrNoBinary] or is a [*StartError].
func Start(ctx context.Context, spec Spec) (*Running, error) {
	if err := spec.validate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	switch spec.Place {
	case PlaceContainer:
		return startContainer(ctx, spec)
	case PlaceLocal:
		return startLocal(ctx, spec)
	default:
		return startEmbedded(ctx, spec)
	}
}

func (s Spec) validate() error {
	d := s.Definition
	if d == nil || len(s.Lanes) == 0 {
		return errors.New("start a gateway: a definition and at least one lane are needed")
	}
	for i, lane := range s.Lanes {
		if lane.Index != i {
			return fmt.Errorf("start %s: lane %d stands at place %d", d.Name, lane.Index, i)
		}
	}
	for _, profile := range s.profiles() {
		if _, ok := d.Profiles[profile]; !ok {
			return fmt.Errorf("gateway %s %w: it has no profile %q, only %s", d.Name, ErrLacks, profile, strings.Join(d.ProfileNames(), ", "))
		}
	}
	if extra := d.Debian.Profiles[s.Profile]; len(extra) > 0 && s.Place == PlaceLocal {
		return fmt.Errorf("%s %w from an installed program: %s needs Debian's %s, which gatefault uses in a container",
			d.Title, ErrLacks, s.Profile, strings.Join(extra, ", "))
	}
	for name := range s.Files {
		if name != path.Base(name) || name == d.Config {
			return fmt.Errorf("start %s: %q is no name for a file beside the configuration", d.Name, name)
		}
	}
	switch s.Place {
	case PlaceEmbedded, PlaceContainer, PlaceLocal:
	default:
		return fmt.Errorf("start %s: unknown place %q", d.Name, s.Place)
	}
	if (s.Place == PlaceEmbedded) != d.Embedded {
		return fmt.Errorf("gateway %s cannot run in place %q", d.Name, s.Place)
	}
	if s.Place == PlaceContainer && (s.Engine == nil || s.Network == nil) {
		return fmt.Errorf("start %s: a container needs an engine and a network", d.Name)
	}
	return nil
}

// text is the configuration to run with.
func (s Spec) text(v View) (string, error) {
	if s.Config != "" {
		return s.Config, nil
	}
	return s.Definition.render(v)
}

// profiles lists the profiles of the lanes.
func (s Spec) profiles() []string {
	var names []string
	for _, lane := range s.Lanes {
		names = append(names, cmp.Or(lane.Profile, s.Profile))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
