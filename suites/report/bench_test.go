package report_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

// BenchmarkReports times the reports of runs of different sizes; the time of a cell is to stay the same.
func BenchmarkReports(b *testing.B) {
	for name, write := range map[string]func(*run.Report) error{
		"table":    func(r *run.Report) error { return report.Terminal(io.Discard, r, report.TerminalOptions{}) },
		"json":     func(r *run.Report) error { return report.JSON(io.Discard, r, "") },
		"html":     func(r *run.Report) error { return report.HTML(io.Discard, r, report.HTMLOptions{}) },
		"junit":    func(r *run.Report) error { return report.JUnit(io.Discard, r, nil) },
		"markdown": func(r *run.Report) error { return report.Markdown(io.Discard, check.OfRun(r), report.CheckOptions{}) },
	} {
		for _, times := range []int{10, 100} {
			r := sample()
			for i := range times {
				for _, res := range sample().Results {
					res.ID = fmt.Sprintf("%s-%d", res.ID, i)
					r.Results = append(r.Results, res)
				}
			}
			b.Run(fmt.Sprintf("%s/cells=%d", name, len(r.Results)), func(b *testing.B) {
				for b.Loop() {
					if err := write(r); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(r.Results)), "ns/cell")
			})
		}
	}
}
