package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// owner is the process that made a container, network or folder. What dead owners left is swept.
type owner struct {
	// Machine and Boot tell where the process runs, Namespace in which pid namespace its Pid counts.
	Machine, Boot, Namespace string
	Pid                      int
	// Started is the process's start time in clock ticks since boot (proc(5), stat field 22): a pid that was used
	// again is told from the owner.
	Started string
}

// currentOwner describes this process.
func currentOwner() (owner, error) {
	o := owner{Pid: os.Getpid(), Machine: shortHash(readFirst("/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/hostname"))}
	o.Boot = shortHash(readFirst("/proc/sys/kernel/random/boot_id"))
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return o, fmt.Errorf("read the pid namespace: %w", err)
	}
	o.Namespace = shortHash(namespace)
	o.Started, err = startTime(o.Pid)
	return o, err
}

func readFirst(files ...string) string {
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			return strings.TrimSpace(string(text))
		}
	}
	return ""
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}

var errDead = errors.New("the process has ended")

// startTime is field 22 of /proc/<pid>/stat. The second field, the command, may hold spaces and parentheses. A process
// that has ended and was not waited for yet (state Z) is dead, too.
func startTime(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", fmt.Errorf("read start time: %w", err)
	}
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return "", fmt.Errorf("read start time: unexpected form of /proc/%d/stat", pid)
	}
	if state := fields[0]; state == "Z" || state == "X" {
		return "", errDead
	}
	return fields[19], nil
}

// String is the form that stands in labels and folder names.
func (o owner) String() string {
	return strings.Join([]string{o.Machine, o.Boot, o.Namespace, strconv.Itoa(o.Pid), o.Started}, "-")
}

func parseOwner(text string) (owner, bool) {
	parts := strings.Split(text, "-")
	if len(parts) != 5 {
		return owner{}, false
	}
	pid, err := strconv.Atoi(parts[3])
	return owner{Machine: parts[0], Boot: parts[1], Namespace: parts[2], Pid: pid, Started: parts[4]}, err == nil
}

// deadTo tells whether o is certainly dead, judged from the process self. Owners on another machine, or in another pid
// namespace of this boot, cannot be judged and count as alive.
func (o owner) deadTo(self owner) bool {
	if o.Machine != self.Machine {
		return false
	}
	if o.Boot != self.Boot {
		return true
	}
	if o.Namespace != self.Namespace {
		return false
	}
	started, err := startTime(o.Pid)
	return err != nil || started != o.Started
}
