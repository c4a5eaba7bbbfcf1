package control_test

import (
	"context"
	"net/http"
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

func TestMain(m *testing.M) {
	upstream.ServeChild()
	os.Exit(m.Run())
}

func TestControl(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Control API")
}

var _ = BeforeEach(func() {
	before := gleak.Goroutines()
	DeferCleanup(func() {
		Eventually(gleak.Goroutines).WithTimeout(5 * time.Second).ShouldNot(gleak.HaveLeaked(before))
	})
})

// harness is an upstream with its control API and a client that checks every answer against the OpenAPI document.
type harness struct {
	up     *upstream.Upstream
	server *control.Server
	client *control.Client
	url    string
	check  *contract
	stop   func() error // shuts the API down and gives what Serve returned
}

// start runs an upstream and its API on a free port until the spec ends.
func start(o control.Options, u upstream.Options) *harness {
	GinkgoHelper()
	h := &harness{}
	var err error
	h.up, err = upstream.New(u)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(h.up.Close)
	o.Upstream, o.Version = h.up, "v0.0.0-test"
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	h.server, err = control.Listen(o)
	Expect(err).NotTo(HaveOccurred())
	h.url = "http://" + h.server.Addr().String()
	h.serve()
	h.check = newContract(h)
	h.client = h.newClient(h.url, o.Token)
	return h
}

func (h *harness) serve() {
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	var result error
	go func() {
		defer close(served)
		result = h.server.Serve(ctx)
	}()
	h.stop = func() error {
		cancel()
		<-served
		return result
	}
	DeferCleanup(h.stop)
}

// newClient makes a client whose answers are checked; its connections are closed before the API is shut down.
func (h *harness) newClient(url, token string) *control.Client {
	GinkgoHelper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	c, err := control.NewClient(url, token, control.ClientOptions{
		HTTP: &http.Client{Transport: &checking{h.check, transport}}, Reconnect: time.Millisecond})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(transport.CloseIdleConnections)
	return c
}

// endpoint opens an endpoint named app.
func (h *harness) endpoint(ctx context.Context) upstream.State {
	GinkgoHelper()
	s, err := h.client.CreateEndpoint(ctx, upstream.EndpointConfig{ID: "app", Address: "127.0.0.1:0"})
	Expect(err).NotTo(HaveOccurred())
	return s
}

func planOf(names ...string) upstream.Plan {
	p := upstream.Plan{}
	for _, name := range names {
		p.Rules = append(p.Rules, upstream.Rule{Fault: name})
	}
	return p
}
