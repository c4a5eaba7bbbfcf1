package control_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

// numbered is a plan whose answers tell its number.
func numbered(n uint64) upstream.Plan {
	return upstream.Plan{Rules: []upstream.Rule{{Script: fmt.Sprintf("read-request\nrespond 200 \"%d\"", n)}}}
}

// hammer asks again and again over kept connections and counts the answers of plans that were no longer in force when
// the request was sent.
type hammer struct {
	url     string
	inForce atomic.Uint64 // the last plan whose change the API has confirmed
	asked   atomic.Int64
	reused  atomic.Int64
	stale   atomic.Int64
}

// run asks from n goroutines, each over a connection of its own, until ctx ends.
func (m *hammer) run(ctx context.Context, n int) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			defer GinkgoRecover()
			client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				m.ask(client)
			}
		})
	}
	wg.Wait()
}

func (m *hammer) ask(client *http.Client) {
	before := m.inForce.Load() // before the first byte is sent
	resp, err := client.Get(m.url)
	Expect(err).NotTo(HaveOccurred())
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	Expect(err).NotTo(HaveOccurred())
	got, err := strconv.ParseUint(string(b), 10, 64)
	Expect(err).NotTo(HaveOccurred())
	m.asked.Add(1)
	if got < before {
		m.stale.Add(1)
	}
	// The nonce ends in the number of the request on its connection.
	if nonce := resp.Header.Get(upstream.NonceField); !strings.HasSuffix(nonce, "-1") {
		m.reused.Add(1)
	}
}

var _ = DescribeTable("A plan change is atomic under load", func(ctx SpecContext, kind upstream.Kind, changes uint64) {
	h := start(control.Options{}, upstream.Options{})
	state, err := h.client.CreateEndpoint(ctx, upstream.EndpointConfig{ID: "app", Address: "127.0.0.1:0", Kind: kind})
	Expect(err).NotTo(HaveOccurred())
	_, err = h.client.SetPlan(ctx, "app", numbered(0), upstream.Keep)
	Expect(err).NotTo(HaveOccurred())
	m := &hammer{url: "http://" + state.Address}
	load, stop := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() { defer close(over); m.run(load, 8) }()
	defer func() { stop(); <-over }()
	for n := uint64(1); n <= changes; n++ {
		_, err := h.client.SetPlan(ctx, "app", numbered(n), upstream.Keep)
		Expect(err).NotTo(HaveOccurred())
		m.inForce.Store(n)
		asked := m.asked.Load()
		Eventually(m.asked.Load).WithPolling(100 * time.Microsecond).Should(BeNumerically(">", asked+8)) // all workers have asked since
	}
	stop()
	<-over
	Expect(m.stale.Load()).To(BeZero(), "of %d requests, %d of them on reused connections", m.asked.Load(), m.reused.Load())
	Expect(m.reused.Load()).To(BeNumerically(">", m.asked.Load()/2))
	GinkgoWriter.Printf("%d changes, %d requests, %d on reused connections\n", changes, m.asked.Load(), m.reused.Load())
},
	Entry("served by this process", upstream.HTTP, uint64(200)),
	Entry("served by a child process", upstream.Process, uint64(200)),
)

var _ = It("Plan changes and endpoints at once leave the API answering", func(ctx SpecContext) {
	h := start(control.Options{}, upstream.Options{})
	h.endpoint(ctx)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			defer GinkgoRecover()
			for range 25 {
				id := fmt.Sprintf("e%d", i)
				_, err := h.client.CreateEndpoint(ctx, upstream.EndpointConfig{ID: id, Address: "127.0.0.1:0"})
				Expect(err).NotTo(HaveOccurred())
				_, err = h.client.SetPlan(ctx, "app", planOf("app.500"), upstream.CloseExisting)
				Expect(err).NotTo(HaveOccurred())
				Expect(h.client.Reset(ctx)).To(Or(Succeed(), MatchError(ContainSubstring("is closed"))))
				Expect(h.client.DeleteEndpoint(ctx, id)).To(Succeed())
			}
		})
	}
	wg.Wait()
	Expect(h.client.Endpoints(ctx)).To(HaveLen(1))
})

// BenchmarkSetPlan times a plan change over the API; the p99 is what the design bounds to 5 ms.
func BenchmarkSetPlan(b *testing.B) {
	up, err := upstream.New(upstream.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer up.Close()
	server, err := control.Listen(control.Options{Address: "127.0.0.1:0", Upstream: up})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	defer func() { stop(); <-served }()
	client, err := control.NewClient(server.Addr().String(), "", control.ClientOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for _, name := range []string{"head.garbage", "tcp.accept-reset", "tcp.refuse"} {
		b.Run(name, func(b *testing.B) { benchmarkSetPlan(ctx, b, up, client, name) })
	}
}

func benchmarkSetPlan(ctx context.Context, b *testing.B, up *upstream.Upstream, client *control.Client, name string) {
	ep, err := up.Listen(upstream.EndpointConfig{Address: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	defer ep.Close()
	times := make([]time.Duration, 0, b.N)
	for b.Loop() {
		begin := time.Now()
		if _, err := client.SetPlan(ctx, ep.ID(), planOf(name), upstream.Keep); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
}
