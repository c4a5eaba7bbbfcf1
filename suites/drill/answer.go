package drill

import (
	"cmp"
	"fmt"
	"strings"
)

// right finds the fault that an answer names: an unsolved one that has begun, the last one first.
func (d *Drill) right(text string) int {
	for i := len(d.Exercise.Faults) - 1; i >= 0; i-- {
		h := &d.Exercise.Faults[i]
		if d.begun(i) && d.found[i].diagnosed == nil && h.answeredBy(text) {
			return i
		}
	}
	return -1
}

func (h *Hidden) answeredBy(text string) bool {
	if text == h.Name() {
		return true
	}
	for _, c := range h.Causes {
		if text == string(c) {
			return true
		}
	}
	return false
}

// solve takes an answer.
func (d *Drill) solve(text string) string {
	i := d.right(text)
	d.answers = append(d.answers, Answer{d.now, text, i >= 0})
	if i < 0 {
		d.found[d.current()].wrong++
		return text + ": no, it is not that."
	}
	at := d.now
	d.found[i].diagnosed = &at
	if d.found[i].detected == nil {
		d.found[i].detected = &at
	}
	left := 0
	for _, f := range d.found {
		if f.diagnosed == nil {
			left++
		}
	}
	if left == 0 {
		d.over = true
		return text + ": right."
	}
	return fmt.Sprintf("%s: right. %d more to find.", text, left)
}

// hint says a little more each time.
func (d *Drill) hint() string {
	i := d.current()
	if !d.begun(i) {
		return "Nothing is wrong yet."
	}
	h, f := &d.Exercise.Faults[i], &d.found[i]
	f.hints++
	switch {
	case f.hints == 1 && h.of != nil:
		return "What others saw of such a fault: " + h.of.Operator.Symptom
	case f.hints <= 2 && h.of != nil:
		return "Look here: " + strings.TrimSpace(h.of.Operator.Checks[0])
	}
	return cmp.Or(h.Tells, "There is nothing more to say than the answer.")
}
