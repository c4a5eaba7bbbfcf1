package firewall

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// orphanRole makes the test binary open a firewall and wait to be killed; its
// value is the table flags, in decimal.
const orphanRole = "FIREWALL_TEST_ORPHAN"

func orphan() error {
	var flags uint32
	if _, err := fmt.Sscan(os.Getenv(orphanRole), &flags); err != nil {
		return err
	}
	f, err := open(quiet(), flags)
	if err != nil {
		return err
	}
	if _, err := f.Arm(Drop, netip.MustParseAddrPort("127.0.0.1:9")); err != nil {
		return err
	}
	fmt.Println(f.table.Name)
	select {}
}

// killedOwner returns the table of a process that armed a rule and was killed
// by SIGKILL.
func killedOwner(t *testing.T, flags uint32) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", orphanRole, flags))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	name, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	name = strings.TrimSpace(name)
	if !slices.Contains(tables(t), name) {
		t.Fatalf("tables %v lack the child's %s", tables(t), name)
	}
	// Others must leave the table of a living owner alone.
	if err := Sweep(quiet()); err != nil || !slices.Contains(tables(t), name) {
		t.Fatalf("swept the table of a living owner, or failed: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	return name
}

func tables(t *testing.T) []string {
	t.Helper()
	conn, err := reader()
	if err != nil {
		t.Fatal(err)
	}
	list, err := conn.ListTables()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, table := range list {
		names = append(names, table.Name)
	}
	return names
}

func TestKernelRemovesOwnedTableOfKilledProcess(t *testing.T) {
	opened(t) // skips where nothing can be filtered
	name := killedOwner(t, tableOwned)
	if slices.Contains(tables(t), name) {
		t.Errorf("%s outlived its owner", name)
	}
}

func TestOpenSweepsTableOfKilledProcess(t *testing.T) {
	opened(t)
	name := killedOwner(t, 0)
	if !slices.Contains(tables(t), name) {
		t.Fatalf("%s is gone before anybody swept it", name)
	}
	opened(t)
	if slices.Contains(tables(t), name) {
		t.Errorf("Open left %s of a dead owner", name)
	}
}

func TestTablesOfOthersStay(t *testing.T) {
	opened(t)
	conn, err := reader()
	if err != nil {
		t.Fatal(err)
	}
	foreign := []string{"filter", "gatefault", "gatefault-notes", "gatefault-1-2-3-4"}
	for _, name := range foreign {
		table := conn.AddTable(&nftables.Table{Name: name, Family: nftables.TableFamilyINet})
		t.Cleanup(func() { conn.DelTable(table); conn.Flush() })
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	f := opened(t)
	arm(t, f, Drop, netip.MustParseAddrPort("127.0.0.1:9"))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range foreign {
		if !slices.Contains(tables(t), name) {
			t.Errorf("table %s is gone", name)
		}
	}
}

func TestAbandoned(t *testing.T) {
	self, err := readProcess("self")
	if err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]bool{
		fmt.Sprintf("gatefault-7-%d-%d-1", self.pid, self.start):   false,
		fmt.Sprintf("gatefault-7-%d-%d-1", self.pid, self.start-1): true,  // the PID was reused
		"gatefault-7-99999999-1-1":                                 true,  // beyond PID_MAX_LIMIT
		"gatefault-8-99999999-1-1":                                 false, // another PID namespace
		"gatefault-7-99999999-1":                                   false,
		"docker-7-99999999-1-1":                                    false,
	} {
		if got := abandoned(table, "7"); got != want {
			t.Errorf("abandoned(%s) = %v", table, got)
		}
	}
}

func TestTwoFirewallsInOneProcess(t *testing.T) {
	a, b := opened(t), opened(t)
	addr := netip.MustParseAddrPort("127.0.0.1:9")
	arm(t, a, Drop, addr)
	kept := arm(t, b, Drop, addr)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Hits(); err != nil {
		t.Errorf("closing one firewall broke the other: %v", err)
	}
}

// Sockets that come and go must not take the table of a firewall with them.
func TestTableOutlivesOtherSockets(t *testing.T) {
	opened(t)
	done := make(chan struct{})
	var churn sync.WaitGroup
	for range 4 {
		churn.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if sock, err := netlink.Dial(unix.NETLINK_NETFILTER, nil); err == nil {
						sock.Close()
					}
				}
			}
		})
	}
	for range 100 {
		f, err := Open(quiet())
		if err != nil {
			t.Error(err)
			break
		}
		_, err = f.Arm(Drop, netip.MustParseAddrPort("127.0.0.1:9"))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Error(err)
			break
		}
	}
	close(done)
	churn.Wait()
}
