package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// tablePrefix begins the name of every table of ours. The whole name is
// gatefault-<pid namespace>-<pid>-<start of the process>-<netlink port>.
const tablePrefix = "gatefault-"

// tableOwned is NFT_TABLE_F_OWNER of linux/netfilter/nf_tables.h (Linux 5.12):
// the table belongs to the socket that made it and goes when that is closed.
// github.com/google/nftables v0.3.0 sends flags 0 for every table, hence addTable.
const tableOwned = 0x2

// dialOwner opens the socket that is to own a table. Its port must not be our
// PID, which the kernel gives to the first netlink socket of a process, again
// and again: when such a socket is closed its port is free for a moment before
// the kernel removes the tables of "that port", and with them a newcomer's. All
// other ports count down and do not come back (Linux, netlink_autobind).
func dialOwner() (*nftables.Conn, *netlink.Conn, error) {
	conn, sock, err := dialLasting()
	if err != nil {
		return nil, nil, err
	}
	port, err := portOf(sock)
	if err == nil && port != uint32(os.Getpid()) {
		return conn, sock, nil
	}
	defer conn.CloseLasting() // after the next dial: until then the PID is taken
	if err != nil {
		return nil, nil, err
	}
	return dialLasting()
}

func dialLasting() (conn *nftables.Conn, sock *netlink.Conn, err error) {
	keep := nftables.WithSockOptions(func(c *netlink.Conn) error { sock = c; return nil })
	conn, err = nftables.New(nftables.AsLasting(), keep)
	return conn, sock, err
}

// addTable makes a table with flags, in a transaction of its own.
func addTable(sock *netlink.Conn, t *nftables.Table, flags uint32) error {
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	e.String(unix.NFTA_TABLE_NAME, t.Name)
	e.Uint32(unix.NFTA_TABLE_FLAGS, flags)
	attributes, err := e.Encode()
	if err != nil {
		return err
	}
	if err := sock.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := sock.SendMessages([]netlink.Message{
		message(unix.NFNL_MSG_BATCH_BEGIN, 0, 0, unix.NFNL_SUBSYS_NFTABLES, nil),
		message(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWTABLE,
			netlink.Create|netlink.Excl|netlink.Acknowledge, byte(t.Family), 0, attributes),
		message(unix.NFNL_MSG_BATCH_END, 0, 0, unix.NFNL_SUBSYS_NFTABLES, nil),
	}); err != nil {
		return err
	}
	_, err = sock.Receive()
	return err
}

// message is a netlink message with the header that every nfnetlink message
// has (struct nfgenmsg): family, version 0, resource.
func message(kind uint16, flags netlink.HeaderFlags, family byte, resource uint16, attributes []byte) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request | flags},
		Data:   append([]byte{family, unix.NFNETLINK_V0, byte(resource >> 8), byte(resource)}, attributes...),
	}
}

func tableName(sock *netlink.Conn) (string, error) {
	port, err := portOf(sock)
	if err != nil {
		return "", err
	}
	self, err := readProcess("self")
	if err != nil {
		return "", err
	}
	namespace, err := pidNamespace()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s%s-%d-%d-%d", tablePrefix, namespace, self.pid, self.start, port), nil
}

// portOf is the address of a netlink socket, unlike that of any other open in
// this network namespace: one process may hold several firewalls.
func portOf(sock *netlink.Conn) (uint32, error) {
	raw, err := sock.SyscallConn()
	if err != nil {
		return 0, err
	}
	var address unix.Sockaddr
	var failure error
	if err := raw.Control(func(fd uintptr) { address, failure = unix.Getsockname(int(fd)) }); err != nil {
		return 0, err
	}
	if a, ok := address.(*unix.SockaddrNetlink); ok {
		return a.Pid, nil
	}
	return 0, fmt.Errorf("name of a netlink socket: %w", failure)
}

// pidNamespace is the number of our PID namespace: a PID means nothing outside.
func pidNamespace() (string, error) {
	link, err := os.Readlink("/proc/self/ns/pid") // pid:[4026531836]
	if err != nil {
		return "", err
	}
	return strings.Trim(strings.TrimPrefix(link, "pid:"), "[]"), nil
}

// process is a process and its start time, in clock ticks since boot, which
// tells it from a later one with the same PID.
type process struct{ pid, start uint64 }

// readProcess reads /proc/<pid>/stat (proc_pid_stat(5)): field 1 is the PID,
// 3 the state, 22 the start. A zombie counts as gone.
func readProcess(pid string) (process, error) {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return process{}, err
	}
	number, rest, _ := strings.Cut(string(stat), " ")
	// Field 2, the command in parentheses, may hold spaces and parentheses.
	fields := strings.Fields(rest[strings.LastIndexByte(rest, ')')+1:])
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return process{}, os.ErrProcessDone
	}
	p := process{}
	p.pid, err = strconv.ParseUint(number, 10, 64)
	if err != nil {
		return process{}, err
	}
	p.start, err = strconv.ParseUint(fields[19], 10, 64)
	return p, err
}

// Sweep removes the tables in this network namespace whose owner, a process in
// our PID namespace, is dead. It never touches a table of anybody else.
// The error wraps [ErrUnavailable] if this machine or process cannot filter.
func Sweep(log *slog.Logger) error {
	conn, err := reader()
	if err != nil {
		return explain("open a netlink socket", err)
	}
	tables, err := conn.ListTables()
	if err != nil {
		return explain("list the tables", err)
	}
	namespace, err := pidNamespace()
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	for _, t := range tables {
		if t.Family != nftables.TableFamilyINet && t.Family != nftables.TableFamilyIPv4 || !abandoned(t.Name, namespace) {
			continue
		}
		conn.DelTable(t)
		switch err := conn.Flush(); {
		case err == nil:
			log.Info("removed the firewall table of a dead run", "table", t.Name)
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EPERM):
			// Another sweep was faster, or the kernel says a socket owns it still.
		default:
			return fmt.Errorf("sweep table %s: %w", t.Name, err)
		}
	}
	return nil
}

// abandoned tells whether a table is one of ours whose owner is gone.
func abandoned(table, namespace string) bool {
	name, ours := strings.CutPrefix(table, tablePrefix+namespace+"-")
	part := strings.Split(name, "-")
	if !ours || len(part) != 3 {
		return false
	}
	owner, err := readProcess(part[0])
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrProcessDone) {
		return true
	}
	return err == nil && strconv.FormatUint(owner.start, 10) != part[1]
}
