//go:build !linux

package process

import (
	"errors"
	"net"
	"os"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

func exitOf(st *os.ProcessState) Exit { return Exit{Code: st.ExitCode()} }

func awaitStopped(int) error { return errors.New("stopping a process needs Linux") }

// OfferToOOMKiller has no meaning here.
func OfferToOOMKiller() error { return errors.New("the out-of-memory killer needs Linux") }

// MemoryLimit is not known here.
func MemoryLimit() int64 { return 0 }

func oomKills() int64 { return 0 }

var errHand = errors.New("handing a listener over needs Linux")

func handover() (*net.UnixConn, *os.File, error) { return nil, nil, nil }

// Hand is not possible here.
func Hand(int) error { return errHand }

// Take is not possible here.
func Take() (int, error) { return 0, errHand }

// Pass is not possible here.
func (c *Child) Pass(*Child) error { return errHand }

// LimitFiles is not possible here.
func LimitFiles(uint64) (uint64, error) { return 0, errors.New("a limit of open files needs Linux") }
