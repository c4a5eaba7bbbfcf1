// Package netns runs programs in a network namespace of their own, where packet
// filter rules cannot touch anybody else's traffic.
package netns
