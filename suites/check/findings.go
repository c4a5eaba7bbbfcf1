package check

import (
	"cmp"
	"slices"

	"github.com/gatefault/gatefault/suites/config"
)

// findings gathers what was seen: one finding for each id and route, told where it shows best. Those that the product shows
// in every configuration are apart.
func (j *judging) findings() (own, product []Finding) {
	own = []Finding{} // no findings are a list, too, to those who read the report
	for _, route := range j.plan.Routes {
		for _, id := range FindingIDs() {
			for _, ofProduct := range []bool{false, true} {
				f := j.finding(route, id, ofProduct)
				switch {
				case f == nil:
				case ofProduct:
					product = append(product, *f)
				default:
					own = append(own, *f)
				}
			}
		}
	}
	return own, product
}

// show is a cell and what was seen in it.
type show struct {
	cell *judged
	sighting
}

// finding gathers the sightings of one id on one route; nil when there are none. Those that are ignored only count where
// there are no others.
func (j *judging) finding(route *PlannedRoute, id string, product bool) *Finding {
	var counting, ignored []show
	for _, c := range j.cells {
		for _, s := range c.seen {
			switch {
			case c.route != route || s.id != id || s.product != product:
			case s.ignored != nil:
				ignored = append(ignored, show{c, s})
			default:
				counting = append(counting, show{c, s})
			}
		}
	}
	shows := counting
	if len(shows) == 0 {
		shows = ignored
	}
	if len(shows) == 0 {
		return nil
	}
	slices.SortStableFunc(shows, func(a, b show) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(telling(a.cell.ID), telling(b.cell.ID)))
	})
	return j.tell(route, shows)
}

// telling is a scenario's place among those that people know; the others come after them.
func telling(id string) int {
	data, err := loadRules()
	if err != nil {
		return 0
	}
	if i := slices.Index(data.Telling, id); i >= 0 {
		return i
	}
	return len(data.Telling)
}

// tell makes a finding of sightings, the best first.
func (j *judging) tell(route *PlannedRoute, shows []show) *Finding {
	best, known := shows[0], j.plan.known[shows[0].id]
	f := &Finding{ID: best.id, Severity: known.Severity, Route: route.Name, Cause: best.cell.Cause, Scenario: best.cell.ID, Title: known.Title,
		Seen: best.seen, Evidence: best.cell.evidence(best.id), Why: known.Why, Cite: known.Cite, At: route.position(best.id),
		Ignored: best.ignored, Reproduce: j.plan.reproduce(best.cell)}
	for _, s := range shows[1:] {
		f.More = append(f.More, s.cell.ID)
	}
	if m, ok := j.plan.mends[best.id]; ok {
		f.Fix, f.Example, f.Manual = m.of(best.cell.Gateway.Version), m.Example, m.Manual
	} else {
		f.Fix = "Name the product, as in gatefault check nginx, and its configuration: how to mend it depends on them."
	}
	return f
}

// position is the place of the configuration that a finding is about: what is said of the servers, or of the route.
func (r *PlannedRoute) position(id string) *config.Position {
	at := r.At
	ofServers := slices.Contains([]string{BlocksTraffic, NeverRecovers, NotVerified, PostRepeated}, id)
	if r.Group != nil && (ofServers || at.File == "") {
		at = r.Group.At
	}
	if at.File == "" {
		return nil
	}
	return &at
}
