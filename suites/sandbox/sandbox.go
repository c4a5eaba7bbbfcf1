// Package sandbox runs programs on this machine as if it were theirs alone. They have a network of their own, which is a
// loopback interface and nothing more; they see this machine's files with others in the place of some, and can change none
// of this machine's; and they end with the process that started them, whatever ends it.
//
// It takes Linux and namespaces, which root may make, and on most systems everybody (user_namespaces(7)).
package sandbox

import (
	"errors"
	"io"
	"net/netip"
)

// ErrForbidden says that this system lets nobody, or not this user, make a sandbox.
var ErrForbidden = errors.New("this system lets gatefault make no namespaces of its own")

// Spec says what a sandbox holds.
type Spec struct {
	// Root is an empty folder of this machine. The sandbox's files are mounted there, for the sandbox alone.
	Root string
	// Files is a tar archive of files that stand in the place of this machine's or beside them. A folder in it that
	// everybody may write to hides this machine's; other folders have the files of both. nil: none.
	Files io.Reader
	// Show are files and folders of this machine that are there though the folder that they lie in is hidden. /tmp,
	// /var/tmp, /run and /dev/shm are empty folders of the sandbox's own, and this machine's log server is not there.
	Show []string
	// Addresses are the loopback interface's besides 127.0.0.0/8 and ::1. Programs may listen on others all the same.
	Addresses []netip.Addr
	// Far gives the sandbox a second network as well, that of another machine in the eyes of the first: programs there have
	// ports of their own. The two reach each other at [NearAddr] and [FarAddr].
	Far bool
}

// Addresses of the two ends of the cable between a sandbox's networks. They are for measuring networks (RFC 2544, appendix
// C.2.2, and RFC 5180, section 8), so no configuration is likely to name them.
var (
	NearAddr = netip.MustParseAddr("198.18.0.1")
	FarAddr  = netip.MustParseAddr("198.18.0.2")
	nearIPv6 = netip.MustParseAddr("2001:2::1")
	farIPv6  = netip.MustParseAddr("2001:2::2")
)

// SpareFar is the i-th further address, from 0, that programs in the far network may have; see [Sandbox.AddFarAddress].
func SpareFar(i int) netip.Addr {
	a := FarAddr
	for range i + 1 {
		a = a.Next()
	}
	return a
}

// Command is a program to start in a sandbox.
type Command struct {
	Path string   `json:"path"`           // absolute
	Args []string `json:"args,omitempty"` // without the program's name
	Env  []string `json:"env,omitempty"`  // all of its environment
	Dir  string   `json:"dir,omitempty"`  // default: /
	// Bound has the permissions of files bind the program though it runs as root.
	Bound bool `json:"bound,omitempty"`
	// Far starts it in the far network.
	Far bool `json:"far,omitempty"`
}

// Exit is how a program ended.
type Exit struct {
	Code   int    `json:"code"`
	Signal string `json:"signal,omitempty"` // SIGKILL and so on, which ended it
}
