//go:build !linux

package main

import "errors"

type resolveByCmd struct {
	Args []string `arg:"" passthrough:""`
}

func (c *resolveByCmd) Run() error { return errors.ErrUnsupported }
