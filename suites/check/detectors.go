package check

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

// detector finds one thing in a cell: one sentence of what was seen, or nothing, and how much of it.
type detector struct {
	id    string
	facet facet
	see   func(c *judged) (seen string, weight float64)
}

// detectors are in the order of findings.yaml. What concerns many cells at once is found elsewhere: see
// [judging.sameAnswers] and [judged.policy].
var detectors = []detector{
	{NeverAnswers, byTime, neverAnswers},
	{PostRepeated, byAttempts, postRepeated},
	{TruncatedAsSuccess, byOutcome, truncatedAsSuccess},
	{GarbagePassed, byOutcome, garbagePassed},
	{FailureAsSuccess, byOutcome, failureAsSuccess},
	{NeverRecovers, byRecovery, neverRecovers},
	{SlowAnswer, byTime, slowAnswer},
	{BlocksTraffic, byRecovery, blocksTraffic},
	{NotVerified, byOutcome, notVerified},
	{LeaksDetails, byContent, leaksDetails},
	{NoRetryAfter, byContent, noRetryAfter},
}

// ofOutcome tells whether a finding says already what is wrong with an outcome.
func ofOutcome(id string) bool {
	return slices.Contains([]string{NeverAnswers, SlowAnswer, TruncatedAsSuccess, GarbagePassed, FailureAsSuccess, NotVerified}, id)
}

// waitsForUpstream tells whether the upstream itself goes on, slowly, so that it is not the gateway that lets clients wait.
func (c *judged) waitsForUpstream() bool {
	data, err := loadRules()
	return err == nil && slices.Contains(data.Slow, c.ID)
}

// waitedInVain tells whether the client gave up after it had waited as long as clients do. ends is when the timeouts of the
// configuration would have let it have an answer, 0: never; known is false when the configuration is not known.
func (c *judged) waitedInVain() (vain bool, ends time.Duration, known bool) {
	if c.Observed.Kind != scenarios.Hang || gatewayError(c.Observed) || c.waitsForUpstream() || c.Scenario.Patience < c.plan.Project.Policy.Patience {
		return false, 0, false
	}
	if c.route.Group == nil {
		return true, 0, false
	}
	ends, _ = c.route.Group.Wait.Longest()
	return true, ends, true
}

// neverAnswers: the client waited longer than all of the timeouts, or there is none.
func neverAnswers(c *judged) (string, float64) {
	vain, ends, known := c.waitedInVain()
	switch {
	case !vain || !known || ends > c.Scenario.Patience:
		return "", 0
	case ends == 0:
		return fmt.Sprintf("%s after %s, and no timeout of the configuration ends the wait.", capital(c.nothing()), seconds(c.Total)), c.Total.Seconds()
	}
	return fmt.Sprintf("%s after %s, though the timeouts of the configuration end after %s.", capital(c.nothing()), seconds(c.Total), ends), c.Total.Seconds()
}

// nothing is what a client has that gave up.
func (c *judged) nothing() string {
	if c.Observed.Status > 0 {
		return fmt.Sprintf("the answer (%d) has no end", c.Observed.Status)
	}
	return "there is no answer"
}

// slowAnswer: the gateway made or broke off the answer itself, later than clients wait. What the upstream was slow to send
// does not count.
func slowAnswer(c *judged) (string, float64) {
	limit := c.plan.Project.Policy.Patience
	if vain, ends, known := c.waitedInVain(); vain {
		switch {
		case !known:
			return fmt.Sprintf("%s after %s; clients wait %s.", capital(c.nothing()), seconds(c.Total), limit), c.Total.Seconds()
		case ends > c.Scenario.Patience:
			return fmt.Sprintf("%s after %s; the timeouts of the configuration let it take %s, and clients wait %s.", capital(c.nothing()), seconds(c.Total), ends, limit), ends.Seconds()
		}
		return "", 0
	}
	own := []scenarios.Kind{scenarios.Made, scenarios.Truncated, scenarios.Closed, scenarios.Reset}
	if !slices.Contains(own, c.Observed.Kind) || c.Total <= limit {
		return "", 0
	}
	return fmt.Sprintf("The client gets %s after %s; clients wait %s.", c.words(), seconds(c.Total), limit), c.Total.Seconds()
}

// words says what the client got.
func (c *judged) words() string {
	o := c.Observed
	switch o.Kind {
	case scenarios.Made:
		return fmt.Sprintf("%d, made by the gateway", o.Status)
	case scenarios.Passed:
		return fmt.Sprintf("the upstream's %d", o.Status)
	case scenarios.Truncated:
		return fmt.Sprintf("a part of an answer (%d) that breaks off", o.Status)
	case scenarios.Silent:
		return fmt.Sprintf("a part of an answer (%d) that looks complete", o.Status)
	case scenarios.Stored:
		return fmt.Sprintf("a stored %d", o.Status)
	case scenarios.Stray:
		return fmt.Sprintf("an answer (%d) to another request", o.Status)
	case scenarios.Foreign:
		return fmt.Sprintf("the answer (%d) of another server", o.Status)
	case scenarios.Hang:
		if o.Status > 0 {
			return fmt.Sprintf("an answer (%d) without an end", o.Status)
		}
		return "no answer"
	case scenarios.Closed:
		return "a closed connection and no byte"
	case scenarios.Reset:
		return "a connection that is reset, and no byte"
	case scenarios.Raw:
		return "bytes that are no HTTP"
	}
	return "a reset stream"
}

// postRepeated: copies of one POST, or of another request that is not idempotent (RFC 9110 §9.2.2), arrived.
func postRepeated(c *judged) (string, float64) {
	arrived := c.arrivals()
	if len(arrived) < 2 || !notIdempotent(arrived[0].Method) {
		return "", 0
	}
	var at []string
	for _, e := range arrived {
		if name := c.route.serverOf(e.Endpoint); !slices.Contains(at, name) {
			at = append(at, name)
		}
	}
	request := arrived[0].Method + " " + pathOf(c.Scenario, c.route)
	apart := brief(arrived[len(arrived)-1].At - arrived[0].At)
	switch {
	case len(arrived) == 2 && len(at) == 2:
		return fmt.Sprintf("%s reached %s, %s apart.", request, list(at), apart), 2
	case len(arrived) == 2:
		return fmt.Sprintf("%s reached %s twice, %s apart.", request, at[0], apart), 2
	}
	return fmt.Sprintf("%s reached %s %s within %s.", request, list(at), times(len(arrived)), apart), float64(len(arrived))
}

// brief is a time to a tenth of a second or, if it is shorter, to a millisecond.
func brief(d time.Duration) string {
	if d < 100*time.Millisecond {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return seconds(d)
}

func notIdempotent(method string) bool {
	return method == http.MethodPost || method == http.MethodPatch || method == http.MethodConnect
}

// pathOf is the path that the client asked for.
func pathOf(s *scenarios.Scenario, r *PlannedRoute) string {
	path := r.Request.Path
	if path == "" {
		path = s.Request.Path
	}
	path, _, _ = strings.Cut(path, "?")
	return path
}

// arrivals are the copies of the cell's request that arrived at the upstream.
func (c *judged) arrivals() (out []upstream.Event) {
	for _, e := range c.Journal {
		if e.Kind == upstream.Requested && strings.Contains(e.Target, c.Cell+"/fault") && !strings.Contains(e.Target, "-direct") {
			out = append(out, e)
		}
	}
	return out
}

// serverOf names the server that an endpoint stood for: an endpoint is called after its server, with the place where it runs.
func (r *PlannedRoute) serverOf(endpoint string) string {
	name := endpoint[:max(0, strings.LastIndexByte(endpoint, '.'))]
	for _, s := range r.Servers {
		if key := s.Key(); name == key || name == strings.TrimPrefix(key, "unix:/") || endpoint == key {
			return key
		}
	}
	return endpoint
}

// truncatedAsSuccess: what was cut looks complete, though something told the gateway. Where nothing did, as after a close
// that ends a body without a length, the standards permit it.
func truncatedAsSuccess(c *judged) (string, float64) {
	permitted := slices.ContainsFunc(c.Standard, func(e scenarios.Expectation) bool { return e.Outcome.Kind == scenarios.Silent })
	if c.Observed.Kind != scenarios.Silent || permitted {
		return "", 0
	}
	return fmt.Sprintf("The upstream broke off its answer, and the client gets %d with a body that looks complete.", c.Observed.Status), 1
}

func garbagePassed(c *judged) (string, float64) {
	if c.Observed.Kind != scenarios.Raw {
		return "", 0
	}
	n := 0
	for _, chunk := range c.Client {
		n += len(chunk.Data)
	}
	return fmt.Sprintf("The client gets %s that are no HTTP.", count(n, "byte")), 1
}

// failureAsSuccess: the gateway makes an answer of success, or a redirect, where the upstream had none to give.
func failureAsSuccess(c *judged) (string, float64) {
	succeeded := slices.ContainsFunc(c.Standard, func(e scenarios.Expectation) bool {
		return e.Outcome.Kind != scenarios.Truncated && e.Outcome.Status > 0 && e.Outcome.Status < 400
	})
	if o := c.Observed; succeeded || o.Kind != scenarios.Made || o.Status >= 400 {
		return "", 0
	}
	return fmt.Sprintf("The upstream fails, and the gateway answers %d of its own.", c.Observed.Status), 1
}

// neverRecovers: no healthy request got through as long as the cell looked.
func neverRecovers(c *judged) (string, float64) {
	if c.Lasting || c.Watched > 0 || c.Recovery != nil || c.Cause == "none" {
		return "", 0
	}
	return fmt.Sprintf("Healthy requests still fail %s after the fault is gone%s.", run.RecoveryTimeout, c.pace()), run.RecoveryTimeout.Seconds()
}

// soon is an answer that came so quickly that no health check can have taken the server out meanwhile: what follows is the
// work of the one request.
const soon = 2 * time.Second

func blocksTraffic(c *judged) (string, float64) {
	if c.Recovery == nil || *c.Recovery <= c.plan.Project.Policy.Recovery+c.busy || c.Total > soon {
		return "", 0
	}
	return fmt.Sprintf("After one failed request healthy ones fail for %s%s.", seconds(*c.Recovery), c.pace()), c.Recovery.Seconds()
}

// pace tells how often healthy requests were made, where a limit of the gateway's slowed them.
func (c *judged) pace() string {
	if c.Pace <= usualPace {
		return ""
	}
	return fmt.Sprintf(" (one was made every %s, since the gateway lets no more through)", c.Pace)
}

const usualPace = 50 * time.Millisecond

// badCertificates are the faults of a certificate that a gateway that verifies refuses.
var badCertificates = map[string]string{
	"tls.expired": "that has expired", "tls.not-yet-valid": "that is not valid yet", "tls.wrong-name": "of another host",
	"tls.self-signed": "that the upstream signed itself", "tls.unknown-ca": "of an unknown authority",
}

func notVerified(c *judged) (string, float64) {
	what, bad := badCertificates[c.Scenario.Fault]
	if !bad || c.Observed.Kind != scenarios.Passed || c.Observed.Status >= 400 {
		return "", 0
	}
	return fmt.Sprintf("The upstream shows a certificate %s, and the client gets its %d.", what, c.Observed.Status), 1
}

func noRetryAfter(c *judged) (string, float64) {
	if c.Observed != (scenarios.Outcome{Kind: scenarios.Made, Status: http.StatusServiceUnavailable}) || c.answer == nil || c.answer.header.Get("Retry-After") != "" {
		return "", 0
	}
	return "The gateway answers 503 without Retry-After.", 1
}
