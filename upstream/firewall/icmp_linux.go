package firewall

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// RelaxICMP lifts the limit on the rate of ICMP errors in this network
// namespace: with it (1 per second and peer, icmp(7)), most of many rejects at
// once would look like drops. Call it only where the namespace is one's own.
func RelaxICMP() error {
	var errs []error
	for _, file := range []string{
		"/proc/sys/net/ipv4/icmp_ratelimit",
		"/proc/sys/net/ipv6/icmp/ratelimit",
	} {
		err := os.WriteFile(file, []byte("0"), 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // no IPv6, no limit
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("lift the limit on ICMP errors: %w", err)
	}
	return nil
}
