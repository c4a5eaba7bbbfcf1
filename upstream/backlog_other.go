//go:build !linux

package upstream

import "fmt"

func (s *listener) full() (bool, error) {
	return false, fmt.Errorf("%w: only Linux tells the length of an accept queue", ErrUnsupported)
}
