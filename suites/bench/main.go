// Command bench measures gatefault on this machine, side by side with its peers, and prints the results as a Markdown table.
// It is what make bench runs; the programs that it starts have been built by then.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path"
	"slices"
	"strings"
	"time"
)

// bench is what the rows of the table have in common.
type bench struct {
	gatefault string // the program
	peers     string // folder of the peers' programs
	runs      int    // of each measurement, alternating between the peers
	quick     bool   // short ones, to try the harness
}

// row is one thing that is measured.
type row struct {
	name    string
	what    string
	measure func(context.Context, *bench) ([]line, error)
}

// rows lists what is measured, in the order of the table.
func rows() []row {
	return []row{
		{"answers", "healthy answers/s, 64 keep-alive connections, journal on", answers},
		{"memory", "resident memory of a stalled connection", memory},
		{"delays", "p99 error of a delay, 1,000 connections at once", delays},
		{"accepts", "connections/s that are broken at accept", accepts},
		{"plans", "plan change over the API under load, 64 connections", plans},
		{"start", "binary and cold start", start},
		{"reports", "time of writing a report, by cell", reports},
		{"lanes", "a run on the embedded Go gateway, by lanes", lanes},
		{"cells", "a run on the embedded Go gateway, by cells", cells},
		{"matrix", "all scenarios on all gateways, images present", matrix},
	}
}

func main() {
	b := &bench{}
	only := flag.String("rows", "*", "which rows to measure, by name or pattern, with commas between them")
	results := flag.String("results", "bin/bench/results.json", "file that keeps the results, also those of rows that are not measured now")
	readme := flag.String("readme", "", "file in which to put the table between its marks")
	flag.StringVar(&b.gatefault, "gatefault", "bin/gatefault", "the program")
	flag.StringVar(&b.peers, "peers", "bin/bench", "folder of the peers' programs")
	flag.IntVar(&b.runs, "runs", 5, "how often each measurement is made")
	flag.BoolVar(&b.quick, "quick", false, "measure for a short time only, to try the harness")
	flag.Parse()
	if err := stayOnClientCore(); err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.run(ctx, strings.Split(*only, ","), *results, *readme); err != nil {
		stop()
		log.Fatal(err)
	}
}

func (b *bench) run(ctx context.Context, only []string, results, readme string) error {
	kept, err := readResults(results)
	if err != nil {
		return err
	}
	for _, r := range rows() {
		if !slices.ContainsFunc(only, func(p string) bool { ok, _ := path.Match(p, r.name); return ok }) {
			continue
		}
		began := time.Now()
		lines, err := r.measure(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %.0f s\n", r.name, time.Since(began).Seconds())
		kept.Rows[r.name] = measured{Lines: lines, Runs: b.runs}
		kept.Date = began.UTC()
	}
	if kept.Machine, err = machine(ctx, b); err != nil {
		return err
	}
	if err := kept.write(results); err != nil {
		return err
	}
	table := kept.table()
	fmt.Print(table)
	if readme == "" {
		return nil
	}
	return putBetweenMarks(readme, table)
}
