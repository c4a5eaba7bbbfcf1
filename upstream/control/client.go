package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatefault/gatefault/upstream"
)

// ClientOptions tune a [Client]; the zero value is usable.
type ClientOptions struct {
	// HTTP sends the requests; default: a client with its own transport, which [Client.Close] empties. It must not have
	// a Timeout if events are followed.
	HTTP *http.Client
	// Reconnect is the pause before [Client.Events] connects again; default 500 ms.
	Reconnect time.Duration
}

// Client speaks to a control API. It may be used by many goroutines. Every error that the API answers is a [*Problem].
type Client struct {
	base      string
	token     string
	http      *http.Client
	reconnect time.Duration
}

// NewClient makes a client for the API at baseURL, such as http://127.0.0.1:9500 or plainly 127.0.0.1:9500. The token
// is empty where none is demanded.
func NewClient(baseURL, token string, o ClientOptions) (*Client, error) {
	base, err := parseBase(baseURL)
	if err != nil {
		return nil, err
	}
	c := &Client{base: base, token: token, http: o.HTTP, reconnect: o.Reconnect}
	if c.http == nil {
		c.http = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	if c.reconnect == 0 {
		c.reconnect = 500 * time.Millisecond
	}
	return c, nil
}

func parseBase(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("%q is not the address of a control API; write http://host:port", text)
	}
	if u.Hostname() == "" {
		u.Host = "127.0.0.1" + u.Host
	}
	return u.Scheme + "://" + u.Host + strings.TrimSuffix(u.Path, "/"), nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Health tells version, uptime and abilities of the upstream.
func (c *Client) Health(ctx context.Context) (Health, error) {
	return fetch[Health](ctx, c, http.MethodGet, prefix+"/health", nil)
}

// Faults lists the catalogue in the order of the layers.
func (c *Client) Faults(ctx context.Context) ([]Fault, error) {
	list, err := fetch[Faults](ctx, c, http.MethodGet, prefix+"/faults", nil)
	return list.Faults, err
}

// Fault describes one fault.
func (c *Client) Fault(ctx context.Context, name string) (Fault, error) {
	return fetch[Fault](ctx, c, http.MethodGet, prefix+"/faults/"+url.PathEscape(name), nil)
}

// Endpoints lists the endpoints by name.
func (c *Client) Endpoints(ctx context.Context) ([]upstream.State, error) {
	list, err := fetch[Endpoints](ctx, c, http.MethodGet, prefix+"/endpoints", nil)
	return list.Endpoints, err
}

// CreateEndpoint opens an endpoint. The answer has the name and the address it got.
func (c *Client) CreateEndpoint(ctx context.Context, cfg upstream.EndpointConfig) (upstream.State, error) {
	return fetch[upstream.State](ctx, c, http.MethodPost, prefix+"/endpoints", cfg)
}

// Endpoint tells one endpoint's state.
func (c *Client) Endpoint(ctx context.Context, id string) (upstream.State, error) {
	return fetch[upstream.State](ctx, c, http.MethodGet, endpointPath(id), nil)
}

// SetKind changes who serves an endpoint. Its plan becomes empty and its connections are closed.
func (c *Client) SetKind(ctx context.Context, id string, kind upstream.Kind) (upstream.State, error) {
	return fetch[upstream.State](ctx, c, http.MethodPatch, endpointPath(id), EndpointPatch{Kind: kind})
}

// DeleteEndpoint closes an endpoint and all its connections.
func (c *Client) DeleteEndpoint(ctx context.Context, id string) error {
	_, err := c.roundTrip(ctx, http.MethodDelete, endpointPath(id), nil)
	return err
}

// Plan gives the plan in force.
func (c *Client) Plan(ctx context.Context, id string) (upstream.Plan, error) {
	return fetch[upstream.Plan](ctx, c, http.MethodGet, endpointPath(id)+"/plan", nil)
}

// SetPlan puts a plan in force. After it returns, every connection and every request that begins sees it.
func (c *Client) SetPlan(ctx context.Context, id string, p upstream.Plan, existing upstream.Existing) (PlanChange, error) {
	query := url.Values{}
	if existing != "" {
		query.Set("existing", string(existing))
	}
	return fetch[PlanChange](ctx, c, http.MethodPut, withQuery(endpointPath(id)+"/plan", query), p)
}

// Clear makes an endpoint healthy and closes its connections.
func (c *Client) Clear(ctx context.Context, id string) (PlanChange, error) {
	return fetch[PlanChange](ctx, c, http.MethodDelete, endpointPath(id)+"/plan", nil)
}

// Journal gives a page of the journal. Ask again with After set to the page's Next.
func (c *Client) Journal(ctx context.Context, q JournalQuery) (upstream.Page, error) {
	query := filterQuery(q.Filter)
	query.Set("after", strconv.FormatUint(q.After, 10))
	if q.Limit != 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Wait != 0 {
		query.Set("wait", q.Wait.String())
	}
	return fetch[upstream.Page](ctx, c, http.MethodGet, withQuery(prefix+"/journal", query), nil)
}

// Reset makes every endpoint healthy and closes its connections.
func (c *Client) Reset(ctx context.Context) error {
	_, err := c.roundTrip(ctx, http.MethodPost, prefix+"/reset", nil)
	return err
}

// CA gives the certificate, in PEM, of the authority that signs what the endpoints present in TLS.
func (c *Client) CA(ctx context.Context) ([]byte, error) { return c.get(ctx, prefix+"/ca") }

// Metrics gives the metrics in Prometheus' text format.
func (c *Client) Metrics(ctx context.Context) (string, error) {
	b, err := c.get(ctx, "/metrics")
	return string(b), err
}

// OpenAPI gives the API's own description, an OpenAPI 3.1 document.
func (c *Client) OpenAPI(ctx context.Context) ([]byte, error) {
	return c.get(ctx, prefix+"/openapi.json")
}

func endpointPath(id string) string { return prefix + "/endpoints/" + url.PathEscape(id) }

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func filterQuery(f upstream.Filter) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"endpoint": f.Endpoint, "contains": f.Contains, "kind": string(f.Kind)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// fetch sends in, if any, as JSON and reads the answer.
func fetch[T any](ctx context.Context, c *Client, method, path string, in any) (out T, err error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return out, fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	b, err := c.roundTrip(ctx, method, path, body)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return out, fmt.Errorf("%s %s: the answer cannot be read: %w", method, path, err)
	}
	return out, nil
}

func (c *Client) get(ctx context.Context, path string) ([]byte, error) {
	return c.roundTrip(ctx, http.MethodGet, path, nil)
}

// roundTrip gives the body of a successful answer.
func (c *Client) roundTrip(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	resp, err := c.send(ctx, method, path, body, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return b, nil
}

// send gives a successful answer, whose body the caller closes; any other becomes a [*Problem].
func (c *Client) send(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("control API of the upstream: %w", err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readProblem(resp)
}

// readProblem makes a Problem of an answer, whoever sent it: a gateway in between has no problem details.
func readProblem(resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody))
	p := &Problem{}
	if err == nil && json.Unmarshal(b, p) == nil && p.Status != 0 {
		return p
	}
	text := strings.TrimSpace(string(b[:min(len(b), 200)]))
	return &Problem{Type: "about:blank", Title: http.StatusText(resp.StatusCode), Status: resp.StatusCode,
		Detail: fmt.Sprintf("%s answered %s, which is no answer of a control API: %q", resp.Request.URL.Host, resp.Status, text)}
}
