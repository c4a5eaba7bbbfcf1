//go:build !linux

package upstream

// listening says how sockets are opened.
var listening = listenConfig(0, nil)
