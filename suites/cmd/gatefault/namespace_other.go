//go:build !linux

package main

import (
	"context"
	"errors"
)

// namespaces says that this system has no network namespaces.
const namespaces = false

func (a *app) runInside(context.Context, string, ...*os.File) (bool, error) {
	return false, errors.ErrUnsupported
}
