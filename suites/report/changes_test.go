package report_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/report"
)

// changesSample has a newer product with which one finding is gone, one is new and one has changed.
func changesSample() *check.Changes {
	before, now := checkSample(), checkSample()
	now.Subject.Gateway.Version = "1.30.6"
	before.Findings = before.Findings[:3]
	now.Findings = now.Findings[1:]
	now.Findings[0].Severity, now.Findings[0].More = check.SevereError, []string{"body.stall"}
	slow, refused := &now.Cells[2], &now.Cells[1]
	slow.Total, slow.Attempts = 120*time.Second, 2
	refused.Status, refused.Recovery = check.OK, after(0)
	now.Cells = now.Cells[:9]
	now.Product = nil
	before.Cells = append(before.Cells[:3:3], before.Cells[4:]...)
	return check.Compare(before, now)
}

func TestChanges(t *testing.T) {
	names := [2]string{"a.json", "b|\x1b.json"}
	for file, write := range map[string]func(*bytes.Buffer) error{
		"changes.txt": func(b *bytes.Buffer) error {
			return report.Changes(b, changesSample(), names, report.TerminalOptions{})
		},
		"changes-colour.txt": func(b *bytes.Buffer) error {
			return report.Changes(b, changesSample(), names, report.TerminalOptions{Width: 100, Colour: true})
		},
		"changes.md": func(b *bytes.Buffer) error { return report.ChangesMarkdown(b, changesSample(), names) },
		"changes-none.txt": func(b *bytes.Buffer) error {
			return report.Changes(b, check.Compare(check.OfRun(sample()), check.OfRun(sample())), names, report.TerminalOptions{})
		},
	} {
		t.Run(file, func(t *testing.T) {
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			golden(t, file, out.Bytes())
		})
	}
}
