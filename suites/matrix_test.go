package suites_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/diagnose"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/outside"
	"github.com/gatefault/gatefault/suites/run"
)

// TestMatrix runs the selected cells side by side in the background, and after them the selected checks; each spec awaits and
// asserts its own. Selecting works by label: go test ./suites -ginkgo.label-filter='nginx && firewall'.
func TestMatrix(t *testing.T) {
	RegisterFailHandler(Fail)
	preview := PreviewSpecs("gatefault")
	matrix.selected = selected(preview)
	checks.choose(preview)
	RunSpecs(t, "gatefault: scenarios x gateways")
}

// key names a cell.
type key struct{ scenario, gateway string }

// matrix is the run behind the specs.
var matrix = struct {
	selected map[key]bool
	mu       sync.Mutex
	waiting  map[key]chan *run.Result
	cancel   context.CancelFunc
	ended    chan struct{}
	report   *run.Report
	err      error
}{waiting: map[key]chan *run.Result{}, ended: make(chan struct{})}

// selected reads from a preview which cells the filters chose.
func selected(preview Report) map[key]bool {
	chosen := map[key]bool{}
	for _, spec := range preview.SpecReports {
		if spec.LeafNodeType == types.NodeTypeIt && !spec.State.Is(types.SpecStateSkipped|types.SpecStatePending) {
			for _, entry := range cells() {
				if spec.FullText() == "matrix "+entry.gateway+" "+entry.scenario {
					chosen[entry] = true
				}
			}
		}
	}
	return chosen
}

var catalogue = sync.OnceValues(scenarios.Builtin)

var definitions = sync.OnceValues(func() ([]*gateway.Definition, error) { return gateway.Load(docker.Files) })

// must keeps the tree from being built on a broken catalogue.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func cells() []key {
	var all []key
	for _, d := range must(definitions()) {
		for _, s := range must(catalogue()).All() {
			all = append(all, key{s.ID, d.Name})
		}
	}
	return all
}

var _ = BeforeSuite(func() {
	if len(matrix.selected) == 0 {
		return
	}
	path, err := program()
	Expect(err).NotTo(HaveOccurred())
	for k := range matrix.selected {
		matrix.waiting[k] = make(chan *run.Result, 1)
	}
	ctx, cancel := context.WithCancel(context.Background())
	matrix.cancel = cancel
	go func() {
		defer close(matrix.ended)
		matrix.report, matrix.err = run.Run(ctx, run.Options{
			Scenarios: must(catalogue()).All(), Gateways: must(definitions()), Program: path,
			Only:     func(s, g string) bool { return matrix.selected[key{s, g}] },
			Progress: deliver,
		})
	}()
})

// deliver hands a finished cell to its spec.
func deliver(p run.Progress) {
	if p.Result != nil {
		matrix.waiting[key{p.Result.ID, p.Result.Gateway.Name}] <- p.Result
	} else {
		GinkgoLogr.Info(p.Message)
	}
}

var _ = AfterSuite(func() {
	checks.stop()
	if matrix.cancel == nil {
		return
	}
	defer matrix.cancel()
	Eventually(matrix.ended).WithTimeout(2 * time.Minute).Should(BeClosed())
	Expect(matrix.err).NotTo(HaveOccurred())
})

var _ = Describe("matrix", func() {
	for _, d := range must(definitions()) {
		Describe(d.Name, Label(d.Name), func() {
			for _, s := range must(catalogue()).All() {
				It(s.ID, labels(s), func(ctx SpecContext) {
					accept(await(ctx, key{s.ID, d.Name}))
				})
			}
		})
	}
})

var _ = Describe("signs", func() {
	It("tell causes apart, or say that the log cannot", func(ctx SpecContext) {
		if len(matrix.selected) < len(cells()) {
			Skip("only a part of the matrix was selected")
		}
		Eventually(ctx, matrix.ended).Should(BeClosed())
		for _, confusion := range run.Confusions(matrix.report.Results) {
			AddReportEntry("confusion", confusion.String(), ReportEntryVisibilityFailureOrVerbose)
		}
		Expect(run.Confusions(matrix.report.Results)).To(BeEmpty())
	})
})

var _ = Describe("diagnosis", func() {
	It("finds the cause in the gateway's log, where the log tells it", func(ctx SpecContext) {
		if len(matrix.selected) < len(cells()) {
			Skip("only a part of the matrix was selected")
		}
		Eventually(ctx, matrix.ended).Should(BeClosed())
		rounds, err := diagnose.RoundTrip(must(catalogue()), diagnose.CellsOf(matrix.report.Results))
		Expect(err).NotTo(HaveOccurred())
		tallies := map[string]*diagnose.Tally{}
		for _, r := range rounds {
			if tallies[r.Gateway] == nil {
				tallies[r.Gateway] = &diagnose.Tally{}
			}
			tallies[r.Gateway].Add(r)
		}
		Expect(tallies).To(HaveLen(len(must(definitions()))))
		var table strings.Builder
		Expect(diagnose.ConfusionMarkdown(&table, []diagnose.Run{{Started: matrix.report.Started, Rounds: rounds}})).To(Succeed())
		AddReportEntry("confusion", table.String(), ReportEntryVisibilityFailureOrVerbose)
		for name, n := range tallies {
			Expect(n.Share()).To(BeNumerically(">=", diagnose.Bar), "%s: %d of %d causes came out first", name, n.First, n.Told)
		}
	})
})

// labels are what a filter can name: layer, cause, profile and the statuses that the standards ask for.
func labels(s *scenarios.Scenario) Labels {
	l := Labels{s.Layer(), string(s.Cause), s.Profile}
	for _, e := range s.Standard {
		for _, o := range append(e.Shares.Outcomes(), e.Outcome) {
			if o.Status > 0 {
				l = append(l, strconv.Itoa(o.Status))
			}
		}
	}
	slices.Sort(l)
	return slices.Compact(l)
}

func await(ctx context.Context, k key) *run.Result {
	GinkgoHelper()
	select {
	case r := <-matrix.waiting[k]:
		return r
	case <-matrix.ended:
	case <-ctx.Done():
		Fail("interrupted")
	}
	select {
	case r := <-matrix.waiting[k]:
		return r
	default:
		Fail(fmt.Sprintf("the run ended without this cell: %v", matrix.err))
		return nil
	}
}

// accept asserts one cell.
func accept(r *run.Result) {
	GinkgoHelper()
	AddReportEntry("observation", observation{r}, ReportEntryVisibilityFailureOrVerbose)
	switch r.Verdict {
	case run.Standard, run.Deviates:
	case run.Unsupported:
		// What the product cannot have it cannot have anywhere; the gateway in this process has no network of its own.
		if required() && !r.Lacking && (r.ID != "egress.denied" || r.Gateway.Place != gateway.PlaceEmbedded) {
			Fail("unsupported, though containers are required: " + r.Reason)
		}
		Skip(r.Reason)
	default:
		Fail(string(r.Verdict) + ": " + r.Reason + "\n" + observation{r}.String())
	}
	if required() && r.Gateway.Place == gateway.PlaceLocal {
		Fail(r.Gateway.Name + " ran as a local process, though containers are required")
	}
	if r.Observed.Kind == scenarios.Made && r.Observed.Status >= http.StatusInternalServerError && r.Traffic == nil {
		recognised(r)
	}
	for _, s := range r.Signs {
		Expect(s.Line).NotTo(BeEmpty(), "no log line matches the sign %q; the log was:\n%s", s.Pattern, strings.Join(r.Log, "\n"))
	}
}

// recognised asserts that whoever looks at the site from outside is told which product made the answer.
func recognised(r *run.Result) {
	GinkgoHelper()
	var all []byte
	for _, c := range r.Client {
		all = append(all, c.Data...)
	}
	answers := bufio.NewReader(bytes.NewReader(all))
	resp, err := http.ReadResponse(answers, nil)
	for err == nil && resp.StatusCode < http.StatusOK { // an interim one, see RFC 9110 section 15.2
		resp, err = http.ReadResponse(answers, nil)
	}
	Expect(err).NotTo(HaveOccurred())
	body, err := io.ReadAll(resp.Body)
	Expect(err).NotTo(HaveOccurred())
	sign, err := outside.Recognise(resp.StatusCode, resp.Header, body)
	Expect(err).NotTo(HaveOccurred())
	Expect(sign).NotTo(BeNil(), "nobody's page:\n%s", all)
	Expect(sign.Gateway).To(Equal(r.Gateway.Name), "%s:\n%s", sign.ID, all)
}

// observation shows a result in a report.
type observation struct{ *run.Result }

func (o observation) String() string {
	text := fmt.Sprintf("%s: %s\nobserved: %s after %s, %d attempt(s)\nevidence: %s\nreproduce: gatefault run -g %s -s %s",
		o.Verdict, o.Reason, o.Observed, o.Total.Round(time.Millisecond), o.Attempts, o.Evidence, o.Gateway.Name, o.ID)
	for _, line := range o.Log {
		text += "\nlog: " + line
	}
	return text
}
