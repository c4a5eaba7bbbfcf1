package report

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/gatefault/gatefault/suites/check"
)

// annotated bounds the annotations of one severity: GitHub shows no more of a step.
const annotated = 10

// Annotations writes the findings as commands for GitHub's runner, which shows them beside the lines of the configuration
// that they are about:
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message.
// An error or a warning that does not fail the check is a notice. workspace is the root of the checkout, to which GitHub
// takes files to be relative; empty: the folder of this process.
func Annotations(w io.Writer, r *check.Report, gate check.Gate, workspace string) error {
	out := bufio.NewWriter(w)
	written := map[string]int{}
	for _, f := range WorstFirst(r.Findings) {
		if f.Ignored != nil {
			continue
		}
		command := annotation(f, gate)
		if written[command]++; written[command] <= annotated {
			fmt.Fprintf(out, "::%s %s::%s\n", command, annotationPlace(f, workspace), commandData(annotationText(f)))
		}
	}
	return out.Flush()
}

func annotation(f check.Finding, gate check.Gate) string {
	switch {
	case !gate.Counts(f), f.Severity == check.Note:
		return "notice"
	case f.Severity == check.Warning:
		return "warning"
	}
	return "error"
}

func annotationPlace(f check.Finding, workspace string) string {
	place := ""
	if f.At != nil {
		place = fmt.Sprintf("file=%s,line=%d,", commandProperty(inWorkspace(f.At.File, workspace)), max(1, f.At.Line))
	}
	return place + "title=" + commandProperty(fmt.Sprintf("%s on %s: %s", f.ID, f.Route, f.Title))
}

// inWorkspace gives a file's path relative to the checkout, if it lies in there.
func inWorkspace(file, workspace string) string {
	absolute, err := filepath.Abs(file)
	if workspace == "" || err != nil {
		return file
	}
	relative, err := filepath.Rel(workspace, absolute)
	if err != nil || !filepath.IsLocal(relative) {
		return file
	}
	return filepath.ToSlash(relative)
}

func annotationText(f check.Finding) string {
	text := f.Seen + "\n" + f.Why + "\nFix: " + f.Fix
	if f.Reproduce != "" {
		text += "\nReproduce: " + f.Reproduce
	}
	return text
}

// commandData escapes what follows a command, commandProperty the value of a property (actions/toolkit,
// packages/core/src/command.ts).
func commandData(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(Printable(text))
}

func commandProperty(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(commandData(text))
}
