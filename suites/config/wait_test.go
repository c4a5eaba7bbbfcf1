package config

import (
	"testing"
	"time"
)

func TestLongest(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		wait Wait
		want time.Duration
		ok   bool
	}{
		{Wait{Connect: 60 * s, Read: 60 * s, Tries: 2}, 120 * s, true},
		{Wait{Connect: 5 * s, Read: 60 * s, Tries: 4, OnlyConnect: true}, 75 * s, true},
		{Wait{Connect: 5 * s, Read: 3 * s}, 5 * s, true},
		{Wait{Connect: 3 * s, Read: 10 * s, Tries: 21, Within: 5 * s}, 15 * s, true},
		{Wait{Connect: 3 * s, Read: 10 * s, Tries: 2, Within: time.Hour}, 20 * s, true},
		{Wait{Connect: 5 * s, Tries: 1}, 0, false},
	} {
		if got, ok := c.wait.Longest(); got != c.want || ok != c.ok {
			t.Errorf("%+v: %v, %v", c.wait, got, ok)
		}
	}
}
