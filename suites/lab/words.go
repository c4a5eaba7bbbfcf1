package lab

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
)

// plainly says in a sentence what the client got.
func plainly(r *run.Result) string {
	o := r.Observed
	status := strings.TrimSpace(fmt.Sprintf("%d %s", o.Status, http.StatusText(o.Status)))
	switch o.Kind {
	case scenarios.Made:
		if len(r.Tap) > 0 && r.By != "" {
			return status + ", made " + r.By.Words() + "."
		}
		return status + ", made by the gateway itself."
	case scenarios.Passed:
		return status + ", an answer of the upstream that the gateway passed on."
	case scenarios.Stored:
		return status + ", an answer that the gateway had stored."
	case scenarios.Truncated:
		return status + ", cut off. The client can tell that something is missing."
	case scenarios.Silent:
		return status + ". It looks whole to the client, but part of it is missing."
	case scenarios.Stray, scenarios.Foreign:
		return status + ", an answer to somebody else's request."
	case scenarios.Closed:
		return "No answer: the connection was closed."
	case scenarios.Reset:
		return "No answer: the connection was reset."
	case scenarios.Raw:
		return "Bytes that are not HTTP."
	case scenarios.Hang:
		return "No answer, or no end of it, for as long as the client waited."
	}
	return o.String()
}

// stepWords say where a cell is.
func stepWords(s run.Step) string {
	switch s {
	case run.StepProve:
		return "proving that all is well"
	case run.StepInject:
		return "putting the fault in force"
	case run.StepAsk:
		return "waiting for the answer"
	case run.StepRecover:
		return "answered; timing the recovery"
	}
	return "getting ready"
}

// tookWords is the time of the answer.
func tookWords(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
