package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// line is one line of the table.
type line struct {
	What   string `json:"what"`
	Result string `json:"result"`
	Bar    string `json:"bar"`             // empty: nothing is asked of it
	Met    bool   `json:"met,omitempty"`   // the median keeps to the bar
	Limit  string `json:"limit,omitempty"` // where it does not: what keeps it from that
}

// measured are the lines of a row.
type measured struct {
	Lines []line `json:"lines"`
	Runs  int    `json:"runs"`
}

// results are what is kept between calls.
type results struct {
	Date    time.Time           `json:"date"`
	Machine string              `json:"machine"`
	Rows    map[string]measured `json:"rows"`
}

func readResults(name string) (*results, error) {
	r := &results{Rows: map[string]measured{}}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, r)
	}
	return r, err
}

func (r *results) write(name string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, append(text, '\n'), 0o644))
}

// table is the Markdown of all rows that were measured.
func (r *results) table() string {
	var out strings.Builder
	fmt.Fprintf(&out, "Measured %s on %s. Median (least-most) of the runs, which alternate between the programs; a ratio is one of runs next to each other.\n\n", r.Date.Format(time.DateOnly), r.Machine)
	fmt.Fprintf(&out, "| what | result | bar | |\n|---|---|---|---|\n")
	for _, row := range rows() {
		for i, l := range r.Rows[row.name].Lines {
			what := l.What
			if i == 0 {
				what = fmt.Sprintf("**%s**, %d runs: %s", row.what, r.Rows[row.name].Runs, what)
			}
			fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", what, l.Result, l.Bar, l.verdict())
		}
	}
	return out.String()
}

func (l line) verdict() string {
	switch {
	case l.Bar == "":
		return ""
	case l.Met:
		return "✓"
	case l.Limit != "":
		return "✗ " + l.Limit
	}
	return "✗"
}

// The table stands between these lines.
const (
	markBegin = "<!-- make bench writes from here -->\n"
	markEnd   = "<!-- to here -->\n"
)

func putBetweenMarks(name, table string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, begins := bytes.Cut(text, []byte(markBegin))
	_, after, ends := bytes.Cut(rest, []byte(markEnd))
	if !begins || !ends {
		return fmt.Errorf("%s has no lines %q and %q to put the table between", name, markBegin, markEnd)
	}
	return os.WriteFile(name, fmt.Appendf(nil, "%s%s%s%s%s", before, markBegin, table, markEnd, after), 0o644)
}

// machine names the processor, the kernel and the versions of what was measured.
func machine(ctx context.Context, b *bench) (string, error) {
	cpu, cores, err := processor()
	if err != nil {
		return "", err
	}
	parts := []string{fmt.Sprintf("%s, %d cores", cpu, cores)}
	for _, version := range []struct {
		name    string
		command []string
		begin   string // of the version in what is printed
	}{
		{"Linux", []string{"uname", "-r"}, ""}, {"", []string{"go", "env", "GOVERSION"}, ""},
		{"nginx", []string{nginxProgram(), "-v"}, "nginx/"}, {"wrk", []string{"wrk", "-v"}, "wrk "},
		{"fasthttp", b.moduleVersion("peers", "github.com/valyala/fasthttp"), ""},
		{"go-httpbin", b.moduleVersion("go-httpbin", "github.com/mccutchen/go-httpbin/v2"), ""},
		{"toxiproxy", b.moduleVersion("toxiproxy", "github.com/Shopify/toxiproxy/v2"), ""},
	} {
		out, _ := exec.CommandContext(ctx, version.command[0], version.command[1:]...).CombinedOutput() // wrk -v exits with 1
		_, text, _ := strings.Cut(string(out), version.begin)
		text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
		text, _, _ = strings.Cut(text, " ")
		parts = append(parts, strings.TrimSpace(version.name+" "+text))
	}
	return strings.Join(parts, "; "), nil
}

// moduleVersion is the command that prints the version of a module in a peer's program.
func (b *bench) moduleVersion(program, module string) []string {
	script := `go version -m "$1" | awk -v m="$2" '$2 == m { print $3 }'`
	return []string{"sh", "-c", script, "sh", filepath.Join(b.peers, program), module}
}

// processor gives the model and the number of cores.
func processor() (model string, cores int, err error) {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	model = runtime.GOARCH
	for s := bufio.NewScanner(f); s.Scan(); {
		switch name, value, _ := strings.Cut(s.Text(), ":"); strings.TrimSpace(name) {
		case "model name":
			model = strings.TrimSpace(value)
		case "processor":
			cores++
		}
	}
	return model, cores, nil
}
