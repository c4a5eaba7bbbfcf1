package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// matrix runs the whole catalogue on all gateways and holds it to its bar. The CPU time is the whole machine's, since most of
// it is used in containers.
func matrix(ctx context.Context, b *bench) ([]line, error) {
	folder, err := os.MkdirTemp("", "gatefault-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	var took, bar, share, busy, cpu samples
	cells := 0
	for range b.runs {
		file := filepath.Join(folder, "report.json")
		before, err := machineTime()
		if err != nil {
			return nil, err
		}
		cmd := everyCore(ctx, b.gatefault, "run", "--json", file)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = time.Minute
		out, ran := cmd.CombinedOutput()
		after, err := machineTime()
		if err != nil {
			return nil, err
		}
		r, _, err := readReport(file)
		if err != nil {
			return nil, errors.Join(ran, err, errors.New(string(out)))
		}
		cells = len(r.Results)
		t := r.Timing
		took, bar = append(took, (t.Total-t.Images).Seconds()), append(bar, t.Bar().Seconds())
		busy = append(busy, t.Busy.Seconds())
		share = append(share, (t.Total-t.Images).Seconds()/t.Bar().Seconds())
		cpu = append(cpu, (after-before)/float64(cells))
	}
	return []line{
		{What: fmt.Sprintf("%d cells in %s s, the bar of these runs is %s s", cells, number(took.median()), number(bar.median())), Result: share.String() + "x",
			Bar: "<= 1.25 x (longest parallel cell + slowest start) + traffic + exclusive cells", Met: share.median() <= 1,
			Limit: fmt.Sprintf("for %s s no processor was idle", number(busy.median()))},
		{What: "CPU time of the machine, by cell", Result: cpu.times(1000).String() + " ms"},
	}, nil
}

// machineTime is the time in seconds that all cores have worked since the machine started (proc(5), /proc/stat).
func machineTime() (float64, error) {
	f, err := os.Open("/proc/stat")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Scan()
	var user, nice, system, idle, wait, irq, soft float64
	if _, err := fmt.Sscanf(strings.TrimPrefix(s.Text(), "cpu "), "%f %f %f %f %f %f %f", &user, &nice, &system, &idle, &wait, &irq, &soft); err != nil {
		return 0, fmt.Errorf("/proc/stat: %w", err)
	}
	return (user + nice + system + irq + soft) / ticksPerSecond, nil
}

// ticksPerSecond is USER_HZ, which is the same on all usual systems (time(7)).
const ticksPerSecond = 100
