// Package config reads the configurations that people give their gateways: where a gateway listens, which upstreams it goes
// to on which route, how long it waits for them, and which files it names.
//
// Reading is tolerant: what is not understood is passed over, because the product itself is the judge of its syntax.
package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Source is what a user brings.
type Source struct {
	// Path is a file or folder on this machine.
	Path string
	// Home is where the folder, or the file's own folder, lies in the gateway's eyes: /etc/nginx.
	Home string
	// Main is the name of the main file below Home, where Path is a folder: nginx.conf.
	Main string
	// Prefix is the folder that relative paths begin at which are not relative to the main file's: nginx's --prefix. Default: Home.
	Prefix string
	// Version is the product's, where it is known before it starts: some defaults depend on it. Official images tell it in a
	// variable; of others, of Debian's packages and of programs on this machine it stays empty, which counts as an old one.
	Version string
	// Mounts are further files and folders.
	Mounts []Mount
	// Env are environment variables that the configuration may refer to.
	Env map[string]string
}

// Mount is a file or folder that the gateway finds elsewhere than this machine has it.
type Mount struct {
	Path string // on this machine
	At   string // in the gateway's eyes, absolute
}

// Position is a place in a file of the user's.
type Position struct {
	File string `json:"file"` // path on this machine
	Line int    `json:"line"`
}

// String is file:line, as compilers write it.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Config is what a configuration says, as far as a check of it needs to know.
type Config struct {
	// Product is one of [Products].
	Product string
	// Main is the main file in the gateway's eyes, absolute; or the folder, where all files of one are read (HAProxy).
	Main string
	// Read lists the files that were read, as paths on this machine.
	Read    []string
	Entries []Entry
	Groups  []Group
	// Routes leads to groups, best to try first: one for each entry, host and path.
	Routes []Route
	// Uses are the files and folders that it names.
	Uses []Use
	// Missing are files that it includes and that the user did not bring. A pattern may match nothing.
	Missing []Missing
	// Names are further host names that the product looks up when it starts: of log servers, peers.
	Names []string
	// Managed are host names of TLS entries whose certificates the product would get by itself from an authority on the internet.
	Managed []string
	// Env are variables that files beside the configuration set for the product: Debian's envvars.
	Env map[string]string
	// Accounts are users and groups of the system that it runs as.
	Accounts []Account
	// Foreground says that it keeps the product in the foreground by itself (nginx: daemon off).
	Foreground bool
}

// Entry is an address that the gateway listens on for clients.
type Entry struct {
	Host          string // empty: every address
	Port          uint16
	TLS           bool
	HTTP2         bool
	ProxyProtocol bool
	At            Position
}

// Group is a set of servers of which a request goes to one.
type Group struct {
	// Name is the group's own, or the server's key where the configuration names no group.
	Name string
	// Protocol is what the gateway speaks to it: http, tls, h2, fcgi, or empty for one that is not known here.
	Protocol string
	Servers  []Server
	// Verify says that the certificate of a TLS upstream is verified; ServerName is the name it has to hold, if one is given.
	Verify     bool
	ServerName string
	// Wait is how long the gateway waits for it, defaults of the product included.
	Wait Wait
	// Pool says that idle connections are kept and used again.
	Pool bool
	// Checked says that the gateway itself connects to servers of the group, to see whether they are well: active health checks.
	Checked bool
	// Resolvers are the name servers that are asked for the servers' names while it runs, as written. Empty: the system is
	// asked at the start.
	Resolvers []string
	At        Position
}

// Server is one upstream address.
type Server struct {
	Host   string // a name or an IP address; empty with a socket
	Port   uint16
	Socket string // path of a unix socket
	Backup bool
	At     Position
}

// Kind is how the gateway finds a server.
type Kind string

// Kinds of servers.
const (
	Name     Kind = "name"     // a host name
	Address  Kind = "address"  // an IP address of another machine
	Loopback Kind = "loopback" // the gateway's own machine
	Socket   Kind = "socket"   // a unix socket
)

// Kind tells how the gateway finds the server.
func (s Server) Kind() Kind {
	if s.Socket != "" {
		return Socket
	}
	addr, err := netip.ParseAddr(s.Host)
	switch {
	case err != nil && !strings.EqualFold(s.Host, "localhost"):
		return Name
	case err != nil || addr.Unmap().IsLoopback() || addr.IsUnspecified():
		return Loopback
	}
	return Address
}

// Key names the server as people do: app:8080, [::1]:80, unix:/run/app.sock.
func (s Server) Key() string {
	if s.Socket != "" {
		return "unix:" + s.Socket
	}
	return net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port)))
}

// Wait are the timeouts towards an upstream.
type Wait struct {
	Connect time.Duration // 0: for ever
	Read    time.Duration // for the head of the answer; 0: for ever
	Tries   int           // most attempts at one request
	// OnlyConnect says that a further attempt follows only when no connection was made.
	OnlyConnect bool
	// Within is the time after which no further attempt begins; 0: there is none.
	Within time.Duration
}

// Longest is the longest time until a request has its answer by these timeouts alone. ok is false when one of them is
// unlimited.
func (w Wait) Longest() (d time.Duration, ok bool) {
	if w.Connect == 0 || w.Read == 0 {
		return 0, false
	}
	tries, last := time.Duration(max(1, w.Tries)), max(w.Connect, w.Read)
	before := last * (tries - 1)
	if w.OnlyConnect {
		before = w.Connect * (tries - 1)
	}
	if w.Within > 0 {
		before = min(before, w.Within)
	}
	return before + last, true
}

// Route is a way from a client's request to a group.
type Route struct {
	Entry     int               // index
	Host      string            // the Host field that leads there; empty: any
	Path      string            // a path that leads there, with a query if it takes one
	Method    string            // empty: GET
	Headers   map[string]string // further fields that lead there
	Group     int               // index
	WebSocket bool              // Upgrade is passed on
	Cache     bool              // answers are stored
	RateLimit bool              // requests are limited
	// Needs is what clients have to bring that is not known here, in words: a password. Empty: nothing.
	Needs string
	At    Position
}

// Use is a file or folder that the configuration names.
type Use struct {
	Path  string // absolute, in the gateway's eyes
	Role  Role
	Found bool // the user brought it
	// Names are host names that a certificate should carry; Pair is the path of a certificate's key, and of a key's certificate.
	Names []string
	Pair  string
	// Status is the one that an error message is for; 0 where it is not known.
	Status int
	At     Position
}

// Role is what a named file is for.
type Role string

// Roles of files.
const (
	Certificate  Role = "certificate"
	Key          Role = "key"
	CertAndKey   Role = "certificate and key" // in one file
	Authority    Role = "authority"           // that upstreams' or clients' certificates are verified with
	Authorities  Role = "authorities"         // a folder of such, each under the name that openssl-rehash(1) gives it
	Log          Role = "log"
	Folder       Role = "folder"        // must exist: cache, temporary files, document root
	SocketFolder Role = "socket folder" // of a unix socket that the product makes
	PIDFile      Role = "pid file"
	DHParam      Role = "DH parameters"
	Revoked      Role = "revocation list"
	TicketKey    Role = "session ticket key" // 48 or 80 random bytes
	ErrorMessage Role = "error message"      // a whole answer with status line and fields: HAProxy's errorfile
	Module       Role = "module"             // a part of the product: nothing can stand in for it
	Data         Role = "data"               // anything else that is read: error pages, maps, passwords
)

// Missing is a file that the configuration includes and that is not there.
type Missing struct {
	Path string // in the gateway's eyes
	At   Position
	// Stands says that a file that holds Text can stand in for it.
	Stands bool
	Text   string
}

// Account is a user or a group of the system.
type Account struct {
	Name  string
	Group bool
	At    Position
}
