//go:build !linux

package process

import (
	"errors"
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
