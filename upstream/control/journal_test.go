package control_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

// add puts n events into the journal from several goroutines and returns when all are in.
func (h *harness) add(writers, each int) {
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				h.up.Journal().Add(upstream.Event{Kind: upstream.Requested, Endpoint: "app", Target: "/w" + strconv.Itoa(w) + "/" + strconv.Itoa(i)})
			}
		})
	}
	wg.Wait()
}

var _ = Describe("The journal", func() {
	It("loses nothing when it is paged while it is written", func(ctx SpecContext) {
		h := start(control.Options{}, upstream.Options{})
		const writers, each = 4, 5000
		done := make(chan struct{})
		go func() { defer close(done); h.add(writers, each) }()
		last := uint64(0)
		for last < writers*each {
			page, err := h.client.Journal(ctx, control.JournalQuery{After: last, Limit: 777, Wait: 5 * time.Second})
			Expect(err).NotTo(HaveOccurred())
			Expect(page.Lost).To(BeZero())
			Expect(len(page.Events)).To(And(BeNumerically(">", 0), BeNumerically("<=", 777)))
			for _, e := range page.Events {
				last++
				Expect(e.Seq).To(Equal(last))
			}
			Expect(page.Next).To(Equal(last))
		}
		<-done
	})

	It("tells how many events it no longer has", func(ctx SpecContext) {
		h := start(control.Options{}, upstream.Options{JournalSize: 100})
		h.add(1, 1000)
		page, err := h.client.Journal(ctx, control.JournalQuery{After: 50})
		Expect(err).NotTo(HaveOccurred())
		Expect(page.Lost).To(BeEquivalentTo(850))
		Expect(page.Events).To(HaveLen(100))
	})

	It("filters by endpoint, target and kind", func(ctx SpecContext) {
		h := start(control.Options{}, upstream.Options{})
		h.add(2, 10)
		h.up.Journal().Add(upstream.Event{Kind: upstream.Closed, Endpoint: "b"})
		for _, c := range []struct {
			f upstream.Filter
			n int
		}{{upstream.Filter{Endpoint: "b"}, 1}, {upstream.Filter{Contains: "/w1/"}, 10}, {upstream.Filter{Kind: upstream.Requested}, 20},
			{upstream.Filter{Endpoint: "b", Kind: upstream.Requested}, 0}} {
			page, err := h.client.Journal(ctx, control.JournalQuery{Filter: c.f})
			Expect(err).NotTo(HaveOccurred())
			Expect(page.Events).To(HaveLen(c.n))
			Expect(page.Next).To(BeEquivalentTo(21))
		}
	})

	It("waits for an event that fits, and not for ever", func(ctx SpecContext) {
		h := start(control.Options{}, upstream.Options{})
		got := make(chan upstream.Page)
		go func() {
			defer GinkgoRecover()
			page, err := h.client.Journal(ctx, control.JournalQuery{Wait: 20 * time.Second, Filter: upstream.Filter{Endpoint: "b"}})
			Expect(err).NotTo(HaveOccurred())
			got <- page
		}()
		h.add(1, 100)
		Consistently(got, "100ms").ShouldNot(Receive())
		h.up.Journal().Add(upstream.Event{Kind: upstream.Closed, Endpoint: "b"})
		Eventually(got).Should(Receive(HaveField("Events", HaveLen(1))))
		page, err := h.client.Journal(ctx, control.JournalQuery{After: h.up.Journal().Last(), Wait: 50 * time.Millisecond})
		Expect(err).NotTo(HaveOccurred())
		Expect(page.Events).To(BeEmpty())
	})

	It("starts anew for one who asks after an event from before a restart", func(ctx SpecContext) {
		h := start(control.Options{}, upstream.Options{})
		h.add(1, 3)
		page, err := h.client.Journal(ctx, control.JournalQuery{After: 1_000_000})
		Expect(err).NotTo(HaveOccurred())
		Expect(page.Events).To(HaveLen(3))
	})
})

// lines reads an event stream until stop says so.
func (h *harness) lines(ctx context.Context, path string, header http.Header, stop func(line string) bool) []string {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", h.url+path, nil)
	Expect(err).NotTo(HaveOccurred())
	r.Header = header
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	Expect(err).NotTo(HaveOccurred())
	defer resp.Body.Close()
	Expect(resp.Header.Get("Content-Type")).To(Equal("text/event-stream"))
	var out []string
	in := bufio.NewScanner(resp.Body)
	for in.Scan() {
		out = append(out, in.Text())
		if stop(in.Text()) {
			return out
		}
	}
	Fail("the stream ended: " + strings.Join(out, "\n"))
	return nil
}

var _ = Describe("The event stream", func() {
	It("goes on after the Last-Event-ID, which stands before the query", func(ctx SpecContext) {
		h := start(control.Options{}, upstream.Options{})
		h.add(1, 10)
		got := h.lines(ctx, "/api/v1/events?after=2", http.Header{"Last-Event-Id": {"5"}}, func(l string) bool { return strings.HasPrefix(l, "data: ") })
		Expect(got[len(got)-2]).To(Equal("id: 6"))
		Expect(got[len(got)-1]).To(HavePrefix(`data: {"seq":6,`))
	})

	It("starts with what comes unless told otherwise", func(ctx SpecContext) {
		h := start(control.Options{}, upstream.Options{})
		h.add(1, 10)
		got := h.lines(ctx, "/api/v1/events", http.Header{}, func(l string) bool {
			if l == "id: 10" { // the first beat: the stream stands
				h.add(1, 1)
			}
			return strings.HasPrefix(l, "data: ")
		})
		Expect(got).To(ContainElement("id: 11"))
	})

	It("beats while nothing happens", func(ctx SpecContext) {
		h := start(control.Options{Heartbeat: 5 * time.Millisecond}, upstream.Options{})
		beats := 0
		h.lines(ctx, "/api/v1/events", http.Header{}, func(l string) bool {
			if strings.HasPrefix(l, ":") {
				beats++
			}
			return beats == 3
		})
	})

	It("tells what was lost", func(ctx SpecContext) {
		h := start(control.Options{}, upstream.Options{JournalSize: 10})
		h.add(1, 100)
		got := h.lines(ctx, "/api/v1/events?after=0", http.Header{}, func(l string) bool { return l == "id: 91" })
		Expect(got).To(ContainElements("event: lost", "data: 90"))
		for _, err := range h.client.Events(ctx, 0, upstream.Filter{}) {
			Expect(err).To(Equal(&control.LostError{Events: 90}))
			break
		}
	})

	It("has a bounded number of viewers", func(ctx SpecContext) {
		h := start(control.Options{}, upstream.Options{})
		viewing, leave := context.WithCancel(ctx)
		defer leave()
		for range control.MaxViewers {
			r, err := http.NewRequestWithContext(viewing, "GET", h.url+"/api/v1/events", nil)
			Expect(err).NotTo(HaveOccurred())
			resp, err := http.DefaultClient.Do(r)
			Expect(err).NotTo(HaveOccurred())
			defer resp.Body.Close()
		}
		resp := h.ask(ctx, "GET", "/api/v1/events", "")
		Expect(resp.StatusCode).To(Equal(http.StatusServiceUnavailable))
		Expect(resp.Header.Get("Retry-After")).NotTo(BeEmpty())
		Expect(h.problem(resp).Type).To(HaveSuffix("/too-many-viewers"))
		leave()
		Eventually(func() (string, error) { return h.client.Metrics(ctx) }).Should(ContainSubstring("event_streams_open 0\n"))
	})

	It("is followed across broken connections without a gap", func(ctx SpecContext) {
		h := start(control.Options{}, upstream.Options{})
		const events = 500
		go h.add(1, events)
		last, address := uint64(0), h.cutting(ctx, 8<<10)
		for e, err := range h.newClient(address, "").Events(ctx, 0, upstream.Filter{}) {
			Expect(err).NotTo(HaveOccurred())
			last++
			Expect(e.Seq).To(Equal(last))
			if last == events {
				break
			}
		}
		Expect(last).To(BeEquivalentTo(events))
	})

	It("ends with the context, and with an error when nobody is there", func(ctx SpecContext) {
		h := start(control.Options{}, upstream.Options{})
		following, leave := context.WithCancel(ctx)
		defer leave()
		h.add(1, 1)
		for e, err := range h.client.Events(following, 0, upstream.Filter{}) {
			Expect(err).NotTo(HaveOccurred())
			Expect(e.Seq).To(BeEquivalentTo(1))
			leave()
		}
		Expect(h.stop()).To(Succeed())
		failures := 0
		for _, err := range h.client.Events(ctx, 0, upstream.Filter{}) {
			Expect(err).To(HaveOccurred())
			failures++
		}
		Expect(failures).To(Equal(1))
	})
})

// cutting is a relay to the API that breaks every connection after n bytes of answer.
func (h *harness) cutting(ctx context.Context, n int64) string {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { h.relay(ctx, c, n) })
		}
	})
	DeferCleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String()
}

func (h *harness) relay(ctx context.Context, c net.Conn, n int64) {
	defer c.Close()
	api, err := (&net.Dialer{}).DialContext(ctx, "tcp", h.server.Addr().String())
	if err != nil {
		return
	}
	defer api.Close()
	go func() { _, _ = io.Copy(api, c); _ = api.Close() }()
	_, _ = io.CopyN(c, api, n)
}
