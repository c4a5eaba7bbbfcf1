//go:build !linux

package process

// Bound runs f. On this system it has all rights of the process.
func Bound(f func() error) error { return f() }

// BindChildren does nothing.
func BindChildren() error { return nil }
