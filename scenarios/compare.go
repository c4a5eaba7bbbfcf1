package scenarios

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatefault/gatefault/upstream/fault"
)

// defaultProfile is the gateway's configuration when the file does not say.
const defaultProfile = "plain"

// Comparable tells why the fault of a scenario says nothing in another profile than its own; nil: it does.
func (s *Scenario) Comparable() error {
	switch {
	case s.Profile != defaultProfile:
		return fmt.Errorf("%s is about the profile %s; only faults of scenarios with the profile %s can be compared", s.ID, s.Profile, defaultProfile)
	case s.Evidence == string(fault.None):
		return fmt.Errorf("%s has no fault that a profile could hide", s.ID)
	case s.Traffic != nil:
		return fmt.Errorf("%s is about many requests; profiles are compared by single ones", s.ID)
	case s.Exclusive:
		return fmt.Errorf("%s must run alone; profiles are compared side by side", s.ID)
	}
	return nil
}

// Methods lists what a fault is compared with: GET and POST or, where the request has a body that the fault may need, its
// own method alone.
func (s *Scenario) Methods() []string {
	if s.Request.Content() != nil {
		return []string{s.Request.Method}
	}
	return []string{http.MethodGet, http.MethodPost}
}

// Setting is where the fault of a scenario is observed instead of in its own profile.
type Setting struct {
	Profile string
	Method  string
	// Prime has a fault that acts on requests met on a connection that was used before.
	Prime bool
	// Notice is how long the fault is in force before the request; the gateway may then know of it, and not go there.
	Notice time.Duration
	// Age is the time since the same request, if it is a GET, was answered and could be stored; 0: it was not made.
	Age time.Duration
	// Query is added to the request's.
	Query string
}

// postBody is the body of a POST that the scenario does not have.
const postBody = "amount=1"

// In gives a copy of a [Comparable] scenario in another setting. It expects nothing: what the standards ask for and what is
// known was written down for the scenario's own profile.
func (s *Scenario) In(at Setting) *Scenario {
	out := *s
	out.Standard, out.Pins, out.Signs = nil, nil, nil
	out.Profile, out.Request.Method = at.Profile, at.Method
	if at.Method == http.MethodPost && out.Request.Content() == nil {
		out.Request.Body = postBody
	}
	if at.Query != "" {
		out.Request.Path += with(out.Request.Path) + at.Query
	}
	out.Warm = at.Age > 0 && at.Method == http.MethodGet
	if out.Warm {
		out.Age = at.Age
	}
	if out.Notice = at.Notice; at.Notice > 0 {
		out.Contact = NoContact
	}
	f, err := s.Injects()
	out.Prime = at.Prime && err == nil && f.Level == fault.Request
	return &out
}

func with(path string) string {
	if strings.Contains(path, "?") {
		return "&"
	}
	return "?"
}
