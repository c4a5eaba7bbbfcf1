package picture

import (
	"strings"

	"github.com/gatefault/gatefault/suites/run"
)

// Of makes the picture of a cell. Of a cell with traffic it shows one request, that of the outcome which was observed.
func Of(r *run.Result) *Picture {
	s := Seen{
		Title:   r.ID + " on " + r.Gateway.Name,
		Gateway: strings.TrimSpace(r.Gateway.Title + " " + r.Gateway.Version),
		Mark:    "/" + r.Cell + "/fault",
		Chunks:  r.Client, Done: r.Total,
		Journal: r.Journal, Tap: r.Tap,
	}
	if x := r.Exchange; x != nil {
		s.Mark, s.Wrote = x.Mark, x.Wrote
		s.Dialed, s.Sent, s.End, s.Size, s.Began = x.Dialed, x.Sent, x.End, x.Size, x.Began
	}
	if r.Attempts == 0 && !r.Uncounted && r.Evidence != "" && len(r.Client) > 0 {
		s.Notes = append(s.Notes, "The gateway answered without going to the upstream.")
	}
	return Build(s)
}
