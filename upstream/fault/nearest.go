package fault

import (
	"cmp"
	"slices"
)

// Nearest gives up to three candidates that are likely meant by name: at most a third of its letters differ, or one
// contains the other.
func Nearest(name string, candidates []string) []string {
	type near struct {
		name string
		dist int
	}
	var found []near
	for _, c := range candidates {
		if d := distance(name, c); d <= max(2, len(c)/3) {
			found = append(found, near{c, d})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return cmp.Compare(a.dist, b.dist) })
	var out []string
	for _, n := range found[:min(3, len(found))] {
		out = append(out, n.name)
	}
	return out
}

// distance is Levenshtein's: the fewest insertions, deletions and substitutions between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
