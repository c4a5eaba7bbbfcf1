package gateway

import "time"

// Shared are the lines that arrived from since to until and name neither a lane nor a cell: some products leave the
// request out of some lines (Caddy up to 2.7: "aborting with incomplete response"). Any cell of that time may own them.
func (b *LogBook) Shared(since, until time.Time) []Line {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []Line
	for _, line := range b.lines {
		if line.Lane == "" && !line.Time.Before(since) && !line.Time.After(until) && !namesCell(line.Text) {
			found = append(found, line)
		}
	}
	return found
}
