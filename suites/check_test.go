package suites_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"

	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

// Real configurations are checked by the command that their owners would call: go test ./suites -ginkgo.label-filter='check && caddy'.
var _ = Describe("check", Label("check"), func() {
	for _, s := range must(subjects()) {
		It(s.product+" "+s.name, Label(s.product, s.name), func(ctx SpecContext) {
			s.accept(checks.await(ctx, s))
		})
	}
})

// checks are the runs behind the specs.
var checks = &checker{waiting: map[string]chan checked{}}

type checker struct {
	once    sync.Once
	chosen  []*subject
	waiting map[string]chan checked // by product and name
	cancel  context.CancelFunc
	ended   sync.WaitGroup
}

// choose reads from a preview which configurations the filters chose; those that mostly wait come first.
func (c *checker) choose(preview Report) {
	for _, spec := range preview.SpecReports {
		if spec.LeafNodeType != types.NodeTypeIt || spec.State.Is(types.SpecStateSkipped|types.SpecStatePending) {
			continue
		}
		for _, s := range must(subjects()) {
			if spec.FullText() == "check "+s.product+" "+s.name {
				c.chosen = append(c.chosen, s)
				c.waiting[s.dir()] = make(chan checked, 1)
			}
		}
	}
	slices.SortStableFunc(c.chosen, func(a, b *subject) int { return a.needs() - b.needs() })
}

// await starts all chosen checks with the first that is asked for, after the matrix, which would take their time.
func (c *checker) await(ctx context.Context, s *subject) checked {
	GinkgoHelper()
	c.once.Do(func() {
		if len(matrix.selected) > 0 {
			Eventually(ctx, matrix.ended).WithTimeout(5 * time.Minute).Should(BeClosed())
		}
		if engine, err := gateway.Connect(ctx, nil); err == nil {
			engine.Close()
			c.start()
		} else if required() {
			Fail(err.Error())
		}
	})
	if c.cancel == nil {
		Skip("no container engine")
	}
	select {
	case done := <-c.waiting[s.dir()]:
		return done
	case <-ctx.Done():
		Fail("interrupted")
		return checked{}
	}
}

func (c *checker) start() {
	path, err := program()
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	for _, s := range c.chosen {
		c.ended.Go(func() { c.waiting[s.dir()] <- s.check(ctx, path) })
	}
}

// stop ends what still runs.
func (c *checker) stop() {
	if c.cancel != nil {
		c.cancel()
		c.ended.Wait()
	}
}

// accept asserts a check.
func (s *subject) accept(c checked) {
	GinkgoHelper()
	AddReportEntry("output", c.output, ReportEntryVisibilityFailureOrVerbose)
	Expect(c.err).NotTo(HaveOccurred(), c.output)
	Expect(c.report).NotTo(BeNil(), "exit code %d and no report:\n%s", c.code, c.output)
	Expect(found(c.report)).To(Equal(s.Findings), c.output)
	Expect(c.code).To(Equal(s.code(c.report)), c.output)
	Expect(unproven(c.report)).To(BeEmpty(), c.output)
	for _, f := range c.report.Findings {
		Expect(f.Evidence).NotTo(BeEmpty(), f.ID)
		Expect([]string{f.Seen, f.Why, f.Fix, f.Reproduce}).NotTo(ContainElement(""), f.ID)
	}
	Expect(c.changed).To(BeEmpty(), "files of the user's were written to")
	Expect(c.left).To(BeEmpty(), "the program left something behind")
	AddReportEntry("time", report.CheckTiming(&c.report.Report, len(s.Scenarios) == 0), ReportEntryVisibilityFailureOrVerbose)
}

// found lists the findings by route; nil when there are none.
func found(r *report.CheckDocument) map[string][]string {
	var all map[string][]string
	for _, f := range r.Findings {
		if all == nil {
			all = map[string][]string{}
		}
		all[f.Route] = append(all[f.Route], f.ID)
	}
	for _, ids := range maps.All(all) {
		slices.Sort(ids)
	}
	return all
}

// code is the exit code that findings make: 1 from warnings on.
func (s *subject) code(r *report.CheckDocument) int {
	if slices.ContainsFunc(r.Findings, func(f check.Finding) bool { return f.Severity != check.Note }) {
		return 1
	}
	return 0
}

// unproven lists cells that say nothing of the configuration.
func unproven(r *report.CheckDocument) (cells []string) {
	for _, c := range r.Cells {
		if c.Verdict == run.Error || c.Verdict == run.NotInjected {
			cells = append(cells, fmt.Sprintf("%s %s: %s: %s", c.Route, c.ID, c.Verdict, strings.TrimSpace(c.Reason)))
		}
	}
	return cells
}
