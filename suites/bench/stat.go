package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// samples are the results of one measurement, a number for each run.
type samples []float64

func (s samples) median() float64 { return quantile(s, 0.5) }

// quantile gives the smallest sample that a share q of all does not exceed.
func quantile[T cmp.Ordered](all []T, q float64) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// over gives the ratio of each run: both were measured right after one another.
func (s samples) over(other samples) samples {
	out := make(samples, len(s))
	for i := range s {
		out[i] = s[i] / other[i]
	}
	return out
}

func (s samples) times(factor float64) samples {
	out := make(samples, len(s))
	for i := range s {
		out[i] = s[i] * factor
	}
	return out
}

// String gives the median with the spread, such as 1.21 (1.15-1.25).
func (s samples) String() string {
	return fmt.Sprintf("%s (%s-%s)", number(s.median()), number(slices.Min(s)), number(slices.Max(s)))
}

// number has three digits that count, and commas in thousands.
func number(f float64) string {
	if f < 1000 {
		digits := 2 - int(math.Floor(math.Log10(max(f, 0.01))))
		return strconv.FormatFloat(f, 'f', min(2, max(0, digits)), 64)
	}
	text := strconv.FormatFloat(f, 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
