package control_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
	"github.com/gatefault/gatefault/upstream/fault"
)

// talk sends a request over a raw connection and gives all that comes back.
func talk(address, request string) string {
	GinkgoHelper()
	c, err := net.DialTimeout("tcp", address, 2*time.Second)
	Expect(err).NotTo(HaveOccurred())
	defer c.Close()
	Expect(c.SetDeadline(time.Now().Add(10 * time.Second))).To(Succeed())
	_, err = io.WriteString(c, request)
	Expect(err).NotTo(HaveOccurred())
	b, _ := io.ReadAll(c)
	return string(b)
}

const get = "GET /gf-1/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

var _ = Describe("The client", func() {
	var h *harness
	BeforeEach(func() { h = start(control.Options{}, upstream.Options{}) })

	It("lists the whole catalogue with parameters and scripts", func(ctx SpecContext) {
		faults, err := h.client.Faults(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(faults).To(HaveLen(len(fault.All())))
		slow, err := h.client.Fault(ctx, "head.slow")
		Expect(err).NotTo(HaveOccurred())
		Expect(slow.Layer).To(Equal("head"))
		Expect(slow.Level).To(Equal(fault.Request))
		Expect(slow.Evidence).To(Equal(fault.Event))
		Expect(slow.Params).To(ConsistOf(fault.Param{Name: "delay", Kind: "duration", Default: "30s", Min: "0s", Max: "1h",
			Doc: "time before the first byte of the answer"}))
		Expect(slow.Script).To(ContainSubstring("sleep ${delay}"))
	})

	It("gives the authority that a TLS endpoint's certificate is signed by", func(ctx SpecContext) {
		state, err := h.client.CreateEndpoint(ctx, upstream.EndpointConfig{Address: "127.0.0.1:0", Protocol: upstream.OverTLS, Names: []string{"backend.example.org"}})
		Expect(err).NotTo(HaveOccurred())
		Expect(state.Names).To(ConsistOf("backend.example.org"))
		ca, err := h.client.CA(ctx)
		Expect(err).NotTo(HaveOccurred())
		roots := x509.NewCertPool()
		Expect(roots.AppendCertsFromPEM(ca)).To(BeTrue())
		c, err := tls.Dial("tcp", state.Address, &tls.Config{RootCAs: roots, ServerName: "backend.example.org"})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Close()).To(Succeed())
	})

	It("creates, lists, shows and deletes endpoints", func(ctx SpecContext) {
		state := h.endpoint(ctx)
		Expect(talk(state.Address, get)).To(HavePrefix("HTTP/1.1 200 "))
		shown, err := h.client.Endpoint(ctx, "app")
		Expect(err).NotTo(HaveOccurred())
		Expect(shown.Requests).To(BeEquivalentTo(1))
		list, err := h.client.Endpoints(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(list).To(HaveLen(1))
		Expect(h.client.DeleteEndpoint(ctx, "app")).To(Succeed())
		_, err = net.DialTimeout("tcp", state.Address, time.Second)
		Expect(err).To(HaveOccurred())
		Expect(h.client.Endpoints(ctx)).To(BeEmpty())
	})

	It("names an endpoint by its address when it has no name, IPv6 too", func(ctx SpecContext) {
		for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
			state, err := h.client.CreateEndpoint(ctx, upstream.EndpointConfig{Address: address})
			Expect(err).NotTo(HaveOccurred())
			Expect(state.ID).To(Equal(state.Address))
			_, err = h.client.SetPlan(ctx, state.ID, planOf("head.none"), upstream.Keep)
			Expect(err).NotTo(HaveOccurred())
			Expect(talk(state.Address, get)).To(BeEmpty())
		}
	})

	It("gives back the plan that it set, and clears it", func(ctx SpecContext) {
		state := h.endpoint(ctx)
		_, err := h.client.SetPlan(ctx, "app", wholePlan(), upstream.Keep)
		Expect(err).NotTo(HaveOccurred())
		Expect(h.client.Plan(ctx, "app")).To(Equal(wholePlan()))
		Expect(talk(state.Address, get)).To(BeEmpty())
		_, err = h.client.Clear(ctx, "app")
		Expect(err).NotTo(HaveOccurred())
		Expect(h.client.Plan(ctx, "app")).To(Equal(upstream.Plan{Rules: []upstream.Rule{}}))
		Expect(talk(state.Address, get)).To(HavePrefix("HTTP/1.1 200 "))
	})

	It("tells where in the journal a change's events begin", func(ctx SpecContext) {
		state := h.endpoint(ctx)
		talk(state.Address, get)
		change, err := h.client.SetPlan(ctx, "app", planOf("head.none"), upstream.Keep)
		Expect(err).NotTo(HaveOccurred())
		page, err := h.client.Journal(ctx, control.JournalQuery{After: change.Journal, Filter: upstream.Filter{Kind: upstream.PlanSet}})
		Expect(err).NotTo(HaveOccurred())
		Expect(page.Events).To(HaveExactElements(HaveField("Detail", "head.none")))
	})

	It("keeps or closes open connections as asked", func(ctx SpecContext) {
		state := h.endpoint(ctx)
		for _, existing := range []upstream.Existing{upstream.Keep, upstream.CloseExisting} {
			c, err := net.Dial("tcp", state.Address)
			Expect(err).NotTo(HaveOccurred())
			defer c.Close()
			open := func() int64 { s, _ := h.client.Endpoint(ctx, "app"); return s.Connections }
			Eventually(open).Should(BeEquivalentTo(1))
			_, err = h.client.SetPlan(ctx, "app", planOf("app.500"), existing)
			Expect(err).NotTo(HaveOccurred())
			want := map[upstream.Existing]int64{upstream.Keep: 1, upstream.CloseExisting: 0}[existing]
			Expect(open()).To(Equal(want))
			_ = c.Close()
			Eventually(open).Should(BeZero())
		}
	})

	It("makes all endpoints healthy with reset", func(ctx SpecContext) {
		state := h.endpoint(ctx)
		_, err := h.client.SetPlan(ctx, "app", planOf("tcp.refuse"), upstream.Keep)
		Expect(err).NotTo(HaveOccurred())
		_, err = net.DialTimeout("tcp", state.Address, time.Second)
		Expect(err).To(MatchError(ContainSubstring("refused")))
		Expect(h.client.Reset(ctx)).To(Succeed())
		Expect(talk(state.Address, get)).To(HavePrefix("HTTP/1.1 200 "))
	})

	It("changes who serves an endpoint, and crashes it", func(ctx SpecContext) {
		state := h.endpoint(ctx)
		_, err := h.client.SetPlan(ctx, "app", planOf("process.crash"), upstream.Keep)
		Expect(errors.Is(err, upstream.ErrUnsupported)).To(BeTrue(), "%v", err)
		changed, err := h.client.SetKind(ctx, "app", upstream.Process)
		Expect(err).NotTo(HaveOccurred())
		Expect(changed.Kind).To(Equal(upstream.Process))
		Expect(changed.Address).To(Equal(state.Address))
		_, err = h.client.SetPlan(ctx, "app", planOf("process.crash"), upstream.Keep)
		Expect(err).NotTo(HaveOccurred())
		Expect(talk(state.Address, get)).To(BeEmpty())
		page, err := h.client.Journal(ctx, control.JournalQuery{Wait: 5 * time.Second, Filter: upstream.Filter{Kind: upstream.ProcessEnd}})
		Expect(err).NotTo(HaveOccurred())
		Expect(page.Events).To(HaveExactElements(HaveField("How", "SIGKILL")))
	})

	It("reads metrics", func(ctx SpecContext) {
		state := h.endpoint(ctx)
		_, err := h.client.SetPlan(ctx, "app", planOf("head.none"), upstream.Keep)
		Expect(err).NotTo(HaveOccurred())
		talk(state.Address, get)
		Eventually(func() (string, error) { return h.client.Metrics(ctx) }).Should(And(
			ContainSubstring("gatefault_endpoints 1\n"),
			ContainSubstring(`gatefault_faults_fired_total{fault="head.none"} 1`),
			ContainSubstring(`gatefault_requests_total{endpoint="app"} 1`),
			ContainSubstring(`gatefault_connections_open{endpoint="app"} 0`),
			ContainSubstring("gatefault_journal_last_seq 5\n")))
	})

	It("gives metrics as Prometheus wants them", func(ctx SpecContext) {
		h.endpoint(ctx)
		text, err := h.client.Metrics(ctx)
		Expect(err).NotTo(HaveOccurred())
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		Expect(err).NotTo(HaveOccurred())
		Expect(problems).To(BeEmpty())
	})

	DescribeTable("takes addresses as users write them", func(address string, ok bool) {
		_, err := control.NewClient(address, "", control.ClientOptions{})
		if ok {
			Expect(err).NotTo(HaveOccurred())
		} else {
			Expect(err).To(MatchError(ContainSubstring("write http://host:port")))
		}
	},
		Entry("host and port", "127.0.0.1:9500", true), Entry("port", ":9500", true), Entry("URL", "http://upstream:9500/", true),
		Entry("nothing", "", false), Entry("another scheme", "ftp://upstream", false), Entry("a path", "/api/v1", false),
	)

	It("says so when something else answers", func(ctx SpecContext) {
		state := h.endpoint(ctx)
		_, err := h.client.SetPlan(ctx, "app", planOf("app.502"), upstream.Keep)
		Expect(err).NotTo(HaveOccurred())
		c, err := control.NewClient(state.Address, "", control.ClientOptions{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		_, err = c.Health(ctx)
		var p *control.Problem
		Expect(errors.As(err, &p)).To(BeTrue())
		Expect(p.Status).To(Equal(http.StatusBadGateway))
		Expect(p.Detail).To(ContainSubstring("no answer of a control API"))
	})
})
