//go:build !linux

package upstream

import "errors"

// lot parks no connection on this system.
type lot struct{}

func (*lot) add(*parked) error { return errors.ErrUnsupported }
func (*lot) remove(*parked)    {}
func (*lot) close()            {}
