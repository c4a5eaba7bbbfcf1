package control_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

var _ = Describe("Without a token", func() {
	var h *harness
	BeforeEach(func() { h = start(control.Options{}, upstream.Options{}) })

	DescribeTable("only names of this machine are answered", func(ctx SpecContext, host string, status int) {
		resp := h.ask(ctx, "GET", "/api/v1/health", "", "Host", host)
		Expect(resp.StatusCode).To(Equal(status))
	},
		Entry(nil, "localhost", 200), Entry(nil, "localhost:9500", 200), Entry(nil, "127.0.0.1:9500", 200), Entry(nil, "127.8.9.1", 200),
		Entry(nil, "[::1]:9500", 200), Entry(nil, "[::1]", 200), Entry(nil, "LOCALHOST", 200),
		Entry(nil, "rebound.example:9500", 421), Entry(nil, "localhost.example", 421), Entry(nil, "127.0.0.1.example", 421),
		Entry(nil, "0.0.0.0:9500", 421), Entry(nil, "192.168.0.1", 421),
	)

	It("a foreign web page cannot reset, though a form needs no preflight", func(ctx SpecContext) {
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
			resp := h.ask(ctx, "POST", "/api/v1/reset", "", header...)
			Expect(resp.StatusCode).To(Equal(http.StatusForbidden))
			Expect(h.problem(resp).Type).To(HaveSuffix("/foreign-origin"))
		}
		Expect(h.ask(ctx, "POST", "/api/v1/reset", "", "Origin", h.url).StatusCode).To(Equal(http.StatusNoContent))
	})
})

var _ = Describe("With a token", func() {
	var h *harness
	BeforeEach(func() { h = start(control.Options{Token: "s3cret"}, upstream.Options{}) })

	It("every operation but health demands it", func(ctx SpecContext) {
		for path, item := range h.check.doc.Paths {
			for method, op := range item {
				resp := h.ask(ctx, strings.ToUpper(method), path, "")
				if op.ID == "health" {
					Expect(resp.StatusCode).To(Equal(http.StatusOK))
					continue
				}
				Expect(resp.StatusCode).To(Equal(http.StatusUnauthorized), op.ID)
				Expect(resp.Header.Get("WWW-Authenticate")).To(HavePrefix("Bearer"))
				h.problem(resp)
			}
		}
		Expect(h.ask(ctx, "GET", "/nothing", "").StatusCode).To(Equal(http.StatusUnauthorized))
	})

	DescribeTable("a wrong one is refused", func(ctx SpecContext, field string) {
		Expect(h.ask(ctx, "GET", "/api/v1/faults", "", "Authorization", field).StatusCode).To(Equal(http.StatusUnauthorized))
	},
		Entry(nil, "Bearer"), Entry(nil, "Bearer "), Entry(nil, "Bearer s3cre"), Entry(nil, "Bearer s3cret2"), Entry(nil, "Basic s3cret"), Entry(nil, "s3cret"),
	)

	It("the right one is taken, from any host name", func(ctx SpecContext) {
		Expect(h.client.Faults(ctx)).NotTo(BeEmpty())
		resp := h.ask(ctx, "GET", "/api/v1/faults", "", "Authorization", "bearer s3cret", "Host", "upstream:9500")
		Expect(resp.StatusCode).To(Equal(http.StatusOK))
	})

	It("health tells ok and nothing more to those who have none", func(ctx SpecContext) {
		stranger := h.newClient(h.url, "")
		Expect(stranger.Health(ctx)).To(Equal(control.Health{Status: "ok"}))
		known, err := h.client.Health(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(known.Version).To(Equal("v0.0.0-test"))
		Expect(known.Abilities).To(Equal(h.up.Abilities()))
		Expect(known.Uptime).To(BeNumerically(">", 0))
	})
})

var _ = Describe("Listening", func() {
	DescribeTable("on an address of other machines demands a token", func(address string) {
		_, err := control.Listen(control.Options{Address: address})
		Expect(err).To(MatchError(ContainSubstring("needs a token; give one or listen on 127.0.0.1:9500")))
	}, Entry(nil, "0.0.0.0:0"), Entry(nil, "[::]:0"), Entry(nil, "192.0.2.1:9500"), Entry(nil, "[::ffff:192.0.2.1]:9500"))

	It("works there with a token", func(ctx SpecContext) {
		h := start(control.Options{Address: "0.0.0.0:0", Token: "t"}, upstream.Options{})
		h.url = strings.Replace(h.url, "0.0.0.0", "127.0.0.1", 1)
		Expect(h.newClient(h.url, "t").Health(ctx)).To(HaveField("Status", "ok"))
	})

	It("says what is wrong with an address", func() {
		_, err := control.Listen(control.Options{Address: "localhost:9500"})
		Expect(err).To(MatchError(`control API: address "localhost:9500" is not IP:port`))
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer l.Close()
		up, err := upstream.New(upstream.Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(up.Close)
		err = control.ListenAndServe(context.Background(), control.Options{Address: l.Addr().String(), Upstream: up})
		Expect(errors.Is(err, syscall.EADDRINUSE)).To(BeTrue())
		Expect(err).To(MatchError(ContainSubstring("choose another port")))
	})
})

var _ = Describe("Limits", func() {
	var h *harness
	BeforeEach(func() { h = start(control.Options{}, upstream.Options{}) })

	It("bound the request's head", func(ctx SpecContext) {
		resp := h.ask(ctx, "GET", "/api/v1/health", "", "X-Large", strings.Repeat("x", control.MaxHeader+8<<10))
		Expect(resp.StatusCode).To(Equal(http.StatusRequestHeaderFieldsTooLarge))
	})

	It("bound the connections: one more waits until one is over", func(ctx SpecContext) {
		var idle []net.Conn
		for range control.MaxConns {
			c, err := net.Dial("tcp", h.server.Addr().String())
			Expect(err).NotTo(HaveOccurred())
			defer c.Close()
			idle = append(idle, c)
		}
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		_, err := h.client.Health(short)
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(idle[0].Close()).To(Succeed())
		Expect(h.client.Health(ctx)).To(HaveField("Status", "ok"))
	})

	It("keep the data plane away: an endpoint does not serve the API", func(ctx SpecContext) {
		state := h.endpoint(ctx)
		for _, path := range []string{"/api/v1/health", "/api/v1/endpoints", "/metrics", "/api/v1/openapi.json"} {
			answer := talk(state.Address, "GET "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			Expect(answer).To(HavePrefix("HTTP/1.1 200 "))
			Expect(answer).To(ContainSubstring("Gatefault-Endpoint: app\r\n"))
			Expect(answer).To(HaveSuffix("\r\n\r\nok\n"))
		}
		talk(state.Address, "DELETE /api/v1/endpoints/app HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		Expect(h.client.Endpoints(ctx)).To(HaveLen(1))
	})
})

var _ = Describe("Shutting down", func() {
	It("ends streams and long polls, and the listener", func(ctx SpecContext) {
		h := start(control.Options{}, upstream.Options{})
		stream, err := http.Get(h.url + "/api/v1/events")
		Expect(err).NotTo(HaveOccurred())
		defer stream.Body.Close()
		polled := make(chan error, 1)
		go func() {
			_, err := h.client.Journal(ctx, control.JournalQuery{Wait: 20 * time.Second})
			polled <- err
		}()
		Eventually(func() (string, error) { return h.client.Metrics(ctx) }).Should(ContainSubstring("event_streams_open 1\n"))
		begin := time.Now()
		Expect(h.stop()).To(Succeed())
		Expect(time.Since(begin)).To(BeNumerically("<", 3*time.Second))
		_, err = io.ReadAll(stream.Body)
		Expect(err).NotTo(HaveOccurred())
		<-polled // with an empty page, or an error if it had not arrived yet
		_, err = net.Dial("tcp", h.server.Addr().String())
		Expect(err).To(HaveOccurred())
	})
})
