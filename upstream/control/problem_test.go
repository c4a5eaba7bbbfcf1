package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

// ask sends a request as any HTTP client might, on a connection of its own.
func (h *harness) ask(ctx context.Context, method, path, body string, header ...string) *http.Response {
	GinkgoHelper()
	r, err := http.NewRequestWithContext(ctx, method, h.url+path, strings.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	r.Close = true
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	Expect(err).NotTo(HaveOccurred())
	b, err := io.ReadAll(resp.Body)
	Expect(err).NotTo(HaveOccurred())
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return resp
}

// problem reads problem details and checks them against the document.
func (h *harness) problem(resp *http.Response) control.Problem {
	GinkgoHelper()
	Expect(resp.Header.Get("Content-Type")).To(Equal("application/problem+json"))
	b, err := io.ReadAll(resp.Body)
	Expect(err).NotTo(HaveOccurred())
	Expect(h.check.validate(h.check.doc.Components.Schemas["Problem"], b)).To(Succeed())
	var p control.Problem
	Expect(json.Unmarshal(b, &p)).To(Succeed())
	Expect(p.Status).To(Equal(resp.StatusCode))
	_, name, _ := strings.Cut(p.Type, "#/components/x-problems/")
	Expect(h.check.doc.Components.Problems).To(HaveKey(name))
	Expect(h.check.doc.Components.Problems[name].Status).To(Equal(p.Status))
	return p
}

var _ = Describe("A bad request", func() {
	const jsonType = "application/json"
	var h *harness
	BeforeEach(func(ctx SpecContext) {
		h = start(control.Options{}, upstream.Options{})
		h.endpoint(ctx)
	})

	DescribeTable("gets problem details", func(ctx SpecContext, method, path, body string, status int, detail string) {
		resp := h.ask(ctx, method, "/api/v1"+path, body, "Content-Type", jsonType)
		Expect(resp.StatusCode).To(Equal(status))
		p := h.problem(resp)
		Expect(p.Detail).To(ContainSubstring(detail))
		Expect(h.client.Plan(ctx, "app")).To(Equal(upstream.Plan{Rules: []upstream.Rule{}}), "a bad request changes nothing")
	},
		Entry("unknown path", "GET", "/nothing", "", 404, "there is nothing at /api/v1/nothing"),
		Entry("path that is not clean", "PUT", "//endpoints/app/plan", "{}", 404, "there is nothing at"),
		Entry("unknown endpoint", "GET", "/endpoints/ap", "", 404, `no endpoint is called "ap"; did you mean app?`),
		Entry("plan of an unknown endpoint", "PUT", "/endpoints/other/plan", `{"rules":[]}`, 404, `no endpoint is called "other"`),
		Entry("unknown fault in the path", "GET", "/faults/head.garbge", "", 404, "did you mean head.garbage"),
		Entry("unknown fault in a plan", "PUT", "/endpoints/app/plan", `{"rules":[{"fault":"head.garbge"}]}`, 422, "did you mean head.garbage"),
		Entry("unknown parameter", "PUT", "/endpoints/app/plan", `{"rules":[{"fault":"head.slow","params":{"dely":"1s"}}]}`, 422, `has no parameter "dely"; it takes delay`),
		Entry("parameter out of bounds", "PUT", "/endpoints/app/plan", `{"rules":[{"fault":"head.slow","params":{"delay":"9h"}}]}`, 422, "goes from 0s to 1h"),
		Entry("parameter of a wrong type", "PUT", "/endpoints/app/plan", `{"rules":[{"fault":"head.huge-field","params":{"size":"big"}}]}`, 422, `"big" is not a whole number`),
		Entry("bad probability", "PUT", "/endpoints/app/plan", `{"rules":[{"fault":"head.none","probability":2}]}`, 422, "not between 0 and 1"),
		Entry("bad script", "PUT", "/endpoints/app/plan", `{"rules":[{"script":"explode"}]}`, 422, "no verb is called explode"),
		Entry("neither fault nor script", "PUT", "/endpoints/app/plan", `{"rules":[{}]}`, 422, "give either a fault or a script"),
		Entry("unknown key", "PUT", "/endpoints/app/plan", `{"rules":[{"falt":"head.none"}]}`, 400, `unknown field "falt"`),
		Entry("wrong type of a key", "PUT", "/endpoints/app/plan", `{"rules":7}`, 400, "line 1, column 10: rules cannot be a JSON number"),
		Entry("broken JSON", "PUT", "/endpoints/app/plan", "{\n\"rules\":[}", 400, "line 2, column 10"),
		Entry("cut JSON", "PUT", "/endpoints/app/plan", `{"rules":[`, 400, "ends too early"),
		Entry("two objects", "PUT", "/endpoints/app/plan", `{"rules":[]} {}`, 400, "something follows"),
		Entry("null", "PUT", "/endpoints/app/plan", `null`, 400, "must be a JSON object"),
		Entry("no body", "PUT", "/endpoints/app/plan", ``, 400, "must be a JSON object"),
		Entry("bad existing", "PUT", "/endpoints/app/plan?existing=maybe", `{"rules":[]}`, 400, "existing must be keep or close"),
		Entry("unknown query parameter", "PUT", "/endpoints/app/plan?exiting=close", `{"rules":[]}`, 400, `no query parameter "exiting"`),
		Entry("query parameter twice", "GET", "/journal?after=1&after=2", ``, 400, "given 2 times"),
		Entry("bad after", "GET", "/journal?after=-1", "", 400, "not the number of an event"),
		Entry("limit too high", "GET", "/journal?limit=10001", "", 400, "from 1 to 10000"),
		Entry("limit of 0", "GET", "/journal?limit=0", "", 400, "from 1 to 10000"),
		Entry("wait too long", "GET", "/journal?wait=1h", "", 400, "from 0s to 30s"),
		Entry("unknown kind of event", "GET", "/events?kind=clos", "", 400, "there are accept, hello,"),
		Entry("bad after of events", "GET", "/events?after=x", "", 400, "not the number of an event"),
		Entry("endpoint exists", "POST", "/endpoints", `{"id":"app","address":"127.0.0.1:0"}`, 409, "exists already: app"),
		Entry("bad address", "POST", "/endpoints", `{"address":"localhost"}`, 422, `"localhost" is not IP:port`),
		Entry("address of another machine", "POST", "/endpoints", `{"address":"192.0.2.1:80"}`, 422, "cannot assign"),
		Entry("name that would break a header field", "POST", "/endpoints", `{"id":"a\r\nX: b","address":"127.0.0.1:0"}`, 422, "not a name for an endpoint"),
		Entry("bad kind", "POST", "/endpoints", `{"kind":"udp","address":"127.0.0.1:0"}`, 422, "there are http, process, tap and egress"),
		Entry("change to a bad kind", "PATCH", "/endpoints/app", `{"kind":"udp"}`, 422, "kind must be http or process"),
		Entry("change to no kind", "PATCH", "/endpoints/app", `{}`, 422, "kind must be http or process"),
		Entry("fault that needs a firewall", "PUT", "/endpoints/app/plan", `{"rules":[{"fault":"tcp.drop-syn"}]}`, 501, "not supported here"),
		Entry("body too large", "PUT", "/endpoints/app/plan", strings.Repeat(" ", control.MaxBody+1), 413, "larger than 1048576 bytes"),
	)

	It("names the nearest faults for a program, too", func(ctx SpecContext) {
		_, err := h.client.SetPlan(ctx, "app", planOf("body.stal"), upstream.Keep)
		var p *control.Problem
		Expect(err).To(BeAssignableToTypeOf(p))
		Expect(err).To(HaveField("Nearest", ContainElement("body.stall")))
	})

	It("is told that the port is in use", func(ctx SpecContext) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer l.Close()
		_, err = h.client.CreateEndpoint(ctx, upstream.EndpointConfig{Address: l.Addr().String()})
		Expect(err).To(HaveField("Status", 409))
		Expect(err).To(HaveField("Type", HaveSuffix("/port-in-use")))
		Expect(errors.Is(err, syscall.EADDRINUSE)).To(BeTrue())
		Expect(err).To(MatchError(ContainSubstring("is in use: choose another port")))
	})

	It("with a wrong method is told the right ones", func(ctx SpecContext) {
		resp := h.ask(ctx, "DELETE", "/api/v1/endpoints", "")
		Expect(resp.StatusCode).To(Equal(http.StatusMethodNotAllowed))
		Expect(resp.Header.Get("Allow")).To(Equal("GET, POST"))
		Expect(h.problem(resp).Detail).To(Equal("DELETE does not apply to /api/v1/endpoints; use GET, POST"))
	})

	DescribeTable("without JSON's content type is told how to say it", func(ctx SpecContext, media string) {
		resp := h.ask(ctx, "PUT", "/api/v1/endpoints/app/plan", `{"rules":[]}`, "Content-Type", media)
		Expect(resp.StatusCode).To(Equal(http.StatusUnsupportedMediaType))
		Expect(h.problem(resp).Detail).To(ContainSubstring("-H 'Content-Type: application/json'"))
	},
		Entry("curl -d", "application/x-www-form-urlencoded"), Entry("text", "text/plain"), Entry("nothing", ""), Entry("nonsense", "/;"),
	)

	It("with a charset beside JSON is fine", func(ctx SpecContext) {
		resp := h.ask(ctx, "PUT", "/api/v1/endpoints/app/plan", `{"rules":[]}`, "Content-Type", "application/json; charset=utf-8")
		Expect(resp.StatusCode).To(Equal(http.StatusOK))
	})
})
