package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

// madeUp is a scenario of which there can be any number: quick, and as most of the catalogue are.
const madeUp = `id: %[1]s
title: The upstream closes without an answer
cause: crash
fault: head.none
evidence: event
explain: It closes instead of answering.
error: connection_terminated
standard:
  - {outcome: 502 made, why: The upstream did not answer., cite: RFC 9110 §15.6.3}
operator: {symptom: Users see 502., checks: [Is it there?], fix: Start it., prevention: Watch it.}
`

// trial is a run of made-up scenarios.
type trial struct {
	cells   int
	timing  run.Timing
	cpu     float64 // seconds
	memory  float64 // most resident bytes
	written int64   // bytes of its report
}

// wall is the time in which the cells ran: the start of the gateway is another row's.
func (t *trial) wall() float64 { return (t.timing.Total - t.timing.SlowestStart).Seconds() }

// lanes runs cells on more and more lanes, each of which has as many.
func lanes(ctx context.Context, b *bench) ([]line, error) {
	const cells = 8
	all := []int{1, 2, 4, 8, 16}
	times := map[int]samples{}
	if b.quick {
		all = []int{8, 16}
	}
	for range b.runs {
		for _, lanes := range all {
			t, err := b.trial(ctx, cells*lanes, lanes)
			if err != nil {
				return nil, err
			}
			times[lanes] = append(times[lanes], t.wall()/cells)
		}
	}
	var out []line
	for _, lanes := range all {
		ratio := times[lanes].over(times[all[0]])
		out = append(out, line{What: fmt.Sprintf("%d cells on each of %d lanes: %s s of a lane for each cell; against %d", cells, lanes, number(times[lanes].median()), all[0]),
			Result: ratio.String() + "x", Bar: "flat until the lanes saturate the machine", Met: ratio.median() <= 1.25})
	}
	return out, nil
}

// cells runs more and more scenarios, each a cell, on the same lanes.
func cells(ctx context.Context, b *bench) ([]line, error) {
	const lanes = 40
	all := []int{100, 200, 400, 1000}
	trials := map[int][]*trial{}
	if b.quick {
		all = []int{50, 100}
	}
	for range b.runs {
		for _, n := range all {
			t, err := b.trial(ctx, n, lanes)
			if err != nil {
				return nil, err
			}
			trials[n] = append(trials[n], t)
		}
	}
	var out []line
	first := of(trials[all[0]], func(t *trial) float64 { return t.wall() / float64(t.cells) })
	for _, n := range all {
		wall := of(trials[n], func(t *trial) float64 { return t.wall() / float64(t.cells) })
		cpu, memory := of(trials[n], func(t *trial) float64 { return t.cpu / float64(t.cells) }), of(trials[n], func(t *trial) float64 { return t.memory })
		ratio := wall.over(first)
		out = append(out, line{What: fmt.Sprintf("%s scenarios on %d lanes: %s ms and %s ms of CPU a cell, %s MB resident at most; time of a cell against %d", number(float64(n)), lanes,
			number(wall.median()*1e3), number(cpu.median()*1e3), number(memory.median()/1e6), all[0]), Result: ratio.String() + "x", Bar: "flat", Met: ratio.median() <= 1.25})
	}
	least, most := all[0], all[len(all)-1]
	more := func(f func(*trial) float64) float64 {
		return (of(trials[most], f).median() - of(trials[least], f).median()) / float64(most-least)
	}
	resident, written := more(func(t *trial) float64 { return t.memory }), more(func(t *trial) float64 { return float64(t.written) })
	return append(out, line{What: fmt.Sprintf("memory of one cell more, of which the report keeps %s KiB as JSON", number(written/1024)), Result: number(resident/1024) + " KiB",
		Bar: "bounded: <= 100 KiB", Met: resident <= 100<<10}), nil
}

func of(trials []*trial, f func(*trial) float64) (out samples) {
	for _, t := range trials {
		out = append(out, f(t))
	}
	return out
}

// trial runs n made-up scenarios.
func (b *bench) trial(ctx context.Context, n, lanes int) (*trial, error) {
	folder, err := os.MkdirTemp("", "gatefault-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	for i := range n {
		id := fmt.Sprintf("made.up-%04d", i)
		if err := os.WriteFile(filepath.Join(folder, id+".yaml"), fmt.Appendf(nil, madeUp, id), 0o644); err != nil {
			return nil, err
		}
	}
	file := filepath.Join(folder, "report.json")
	cmd := everyCore(ctx, b.gatefault, "run", "--local", "-g", "go", "--scenarios", folder, "-s", "made.up-*", "--lanes", strconv.Itoa(lanes), "--json", file)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	t := &trial{cells: n, cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
		memory: float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) * 1024}
	r, size, err := readReport(file)
	if err != nil {
		return nil, err
	}
	t.timing, t.written = r.Timing, size
	if r.Count(run.Standard) != n {
		return nil, fmt.Errorf("%d of %d cells are standard", r.Count(run.Standard), n)
	}
	return t, nil
}

func readReport(name string) (*report.Document, int64, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, 0, err
	}
	d := &report.Document{}
	return d, int64(len(text)), errors.Join(json.Unmarshal(text, d))
}
