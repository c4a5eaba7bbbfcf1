package control_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/gorilla/mux"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

var _ = Describe("The OpenAPI document", func() {
	var h *harness
	BeforeEach(func() { h = start(control.Options{}, upstream.Options{}) })

	It("has every route, and only routes", func() {
		var routes, documented []string
		Expect(h.server.Router().Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
			path, err := r.GetPathTemplate()
			Expect(err).NotTo(HaveOccurred())
			methods, err := r.GetMethods()
			Expect(err).NotTo(HaveOccurred())
			for _, m := range methods {
				routes = append(routes, m+" "+path)
			}
			return nil
		})).To(Succeed())
		for path, item := range h.check.doc.Paths {
			for method := range item {
				documented = append(documented, strings.ToUpper(method)+" "+path)
			}
		}
		Expect(documented).To(ConsistOf(routes))
	})

	It("describes every operation once and every path parameter", func() {
		ids := map[string]bool{}
		for path, item := range h.check.doc.Paths {
			for method, op := range item {
				Expect(ids).NotTo(HaveKey(op.ID))
				ids[op.ID] = true
				Expect(op.Summary).NotTo(BeEmpty(), op.ID)
				Expect(op.RequestBody != nil).To(Equal(method == "put" || method == "patch" || op.ID == "createEndpoint"), op.ID)
				var want, have []string
				for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
					want = append(want, m[1])
				}
				for _, p := range op.Parameters {
					if p.In == "path" {
						have = append(have, p.Name)
					}
				}
				Expect(have).To(ConsistOf(want), op.ID)
			}
		}
		Expect(h.check.doc.OpenAPI).To(Equal("3.1.0"))
	})

	It("refers only to what it has", func(ctx SpecContext) {
		b, err := h.client.OpenAPI(ctx)
		Expect(err).NotTo(HaveOccurred())
		refs := regexp.MustCompile(`"\$ref": "#/components/schemas/(\w+)"`).FindAllSubmatch(b, -1)
		Expect(refs).NotTo(BeEmpty())
		for _, ref := range refs {
			Expect(h.check.doc.Components.Schemas).To(HaveKey(string(ref[1])))
		}
	})

	DescribeTable("allows the bodies that the API takes", func(schema, body string, allowed bool) {
		err := h.check.validate(h.check.doc.Components.Schemas[schema], []byte(body))
		if allowed {
			Expect(err).NotTo(HaveOccurred())
		} else {
			Expect(err).To(HaveOccurred())
		}
	},
		Entry("a plan of one fault", "Plan", `{"rules":[{"fault":"head.slow","params":{"delay":"2s"}}]}`, true),
		Entry("parameters as numbers", "Plan", `{"rules":[{"fault":"head.huge-field","params":{"size":10}}]}`, true),
		Entry("a range as a number", "Plan", `{"rules":[{"match":{"request":2,"connection":"2-"},"fault":"head.none"}]}`, true),
		Entry("a whole plan", "Plan", `{"seed":7,"rules":[{"script":"close","after":1,"times":2,"probability":0.5,"for":"1m30s"}]}`, true),
		Entry("a part of the target", "Plan", `{"rules":[{"match":{"target":"gatefault-cell=/gf-ab12-7/fault"},"fault":"head.none"}]}`, true),
		Entry("an unknown key", "Plan", `{"rules":[{"falt":"head.none"}]}`, false),
		Entry("a list as a parameter", "Plan", `{"rules":[{"fault":"head.none","params":{"a":[]}}]}`, false),
		Entry("a bad duration", "Plan", `{"rules":[{"fault":"head.none","for":"soon"}]}`, false),
		Entry("an endpoint", "EndpointConfig", `{"address":"127.0.0.1:0"}`, true),
		Entry("an endpoint with names", "EndpointConfig", `{"address":"127.0.0.1:0","protocol":"tls","names":["backend.example.org"]}`, true),
		Entry("an endpoint of no kind", "EndpointConfig", `{"address":"127.0.0.1:0","kind":"udp"}`, false),
	)

	It("matches every operation's real answer", func(ctx SpecContext) {
		c := h.client
		health, err := c.Health(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(health.Status).To(Equal("ok"))
		faults, err := c.Faults(ctx)
		Expect(err).NotTo(HaveOccurred())
		for _, f := range faults {
			one, err := c.Fault(ctx, f.Name)
			Expect(err).NotTo(HaveOccurred())
			Expect(one).To(Equal(f))
		}
		state := h.endpoint(ctx)
		_, err = c.SetPlan(ctx, "app", wholePlan(), upstream.CloseExisting)
		Expect(err).NotTo(HaveOccurred())
		Expect(talk(state.Address, "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).To(BeEmpty())
		for name, call := range map[string]func() error{
			"Endpoints": func() error { _, err := c.Endpoints(ctx); return err },
			"Endpoint":  func() error { _, err := c.Endpoint(ctx, "app"); return err },
			"Plan":      func() error { _, err := c.Plan(ctx, "app"); return err },
			"Journal":   func() error { _, err := c.Journal(ctx, control.JournalQuery{}); return err },
			"Metrics":   func() error { _, err := c.Metrics(ctx); return err },
			"CA":        func() error { _, err := c.CA(ctx); return err },
			"OpenAPI":   func() error { _, err := c.OpenAPI(ctx); return err },
			"Clear":     func() error { _, err := c.Clear(ctx, "app"); return err },
			"Reset":     func() error { return c.Reset(ctx) },
			"Events":    func() error { return h.firstEvent(ctx) },
		} {
			Expect(call()).To(Succeed(), name)
		}
		_, err = c.SetKind(ctx, "app", upstream.Process)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.DeleteEndpoint(ctx, "app")).To(Succeed())
		for _, item := range h.check.doc.Paths {
			for _, op := range item {
				Expect(h.check.seen).To(HaveKey(op.ID))
			}
		}
	})
})

// wholePlan uses every key of a plan.
func wholePlan() upstream.Plan {
	return upstream.Plan{Seed: 3, Rules: []upstream.Rule{
		{Fault: "head.slow", Params: map[string]string{"delay": "1s"}, Match: upstream.Match{Method: "POST", Path: "/a*", Target: "b=c",
			Header: map[string]string{"X-A": "b"}, Connection: "1-", Request: "1-5"}, After: 1, Times: 2, Probability: 0.5, For: upstream.Duration(1e12)},
		{Script: "read-request\nclose"},
	}}
}

// firstEvent follows the journal for one event, which it checks against the document.
func (h *harness) firstEvent(ctx SpecContext) error {
	for e, err := range h.client.Events(ctx, 0, upstream.Filter{}) {
		if err != nil {
			return err
		}
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return h.check.validate(h.check.doc.Components.Schemas["Event"], b)
	}
	return fmt.Errorf("there was no event")
}
