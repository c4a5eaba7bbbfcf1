package control_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/gorilla/mux"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// openAPI is as much of a document as the tests read.
type openAPI struct {
	OpenAPI    string                           `json:"openapi"`
	Paths      map[string]map[string]*operation `json:"paths"`
	Components struct {
		Schemas  map[string]*jsonschema.Schema `json:"schemas"`
		Problems map[string]struct {
			Title  string `json:"title"`
			Status int    `json:"status"`
		} `json:"x-problems"`
	} `json:"components"`
}

type operation struct {
	ID          string                      `json:"operationId"`
	Summary     string                      `json:"summary"`
	Parameters  []struct{ Name, In string } `json:"parameters"`
	RequestBody *content                    `json:"requestBody"`
	Responses   map[string]*content         `json:"responses"`
}

type content struct {
	Description string `json:"description"`
	Content     map[string]struct {
		Schema *jsonschema.Schema `json:"schema"`
	} `json:"content"`
}

// contract checks answers against the document that the API itself serves.
type contract struct {
	router *mux.Router
	doc    openAPI

	mu   sync.Mutex      // guards seen
	seen map[string]bool // operations that answered well
}

func newContract(h *harness) *contract {
	GinkgoHelper()
	c := &contract{router: h.server.Router(), seen: map[string]bool{}}
	rec := &recorder{header: http.Header{}}
	c.router.ServeHTTP(rec, request("GET", "http://localhost/api/v1/openapi.json"))
	// A JSON Schema keeps its definitions in $defs, a document in components.
	text := strings.ReplaceAll(rec.body.String(), "#/components/schemas/", "#/$defs/")
	Expect(json.Unmarshal([]byte(text), &c.doc)).To(Succeed())
	return c
}

func request(method, url string) *http.Request {
	GinkgoHelper()
	r, err := http.NewRequest(method, url, nil)
	Expect(err).NotTo(HaveOccurred())
	return r
}

type recorder struct {
	header http.Header
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorder) WriteHeader(int)             {}

// validate checks b, JSON, against a schema of the document.
func (c *contract) validate(s *jsonschema.Schema, b []byte) error {
	root := s.CloneSchemas()
	root.Defs = map[string]*jsonschema.Schema{}
	for name, def := range c.doc.Components.Schemas {
		root.Defs[name] = def.CloneSchemas()
	}
	resolved, err := root.Resolve(nil)
	if err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	return resolved.Validate(v)
}

// operation gives the document's operation for a request.
func (c *contract) operation(r *http.Request) (*operation, error) {
	var m mux.RouteMatch
	if !c.router.Match(r, &m) || m.Route == nil || m.Route.GetName() == "" {
		return nil, fmt.Errorf("%s %s has no route", r.Method, r.URL.Path)
	}
	path, err := m.Route.GetPathTemplate()
	if err != nil {
		return nil, err
	}
	if op := c.doc.Paths[path][strings.ToLower(r.Method)]; op != nil {
		return op, nil
	}
	return nil, fmt.Errorf("%s %s is not in the document", r.Method, path)
}

// checking is a transport that turns an answer which the document does not allow into an error.
type checking struct {
	contract *contract
	next     http.RoundTripper
}

func (t *checking) CloseIdleConnections() { t.next.(*http.Transport).CloseIdleConnections() }

func (t *checking) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if err := t.contract.answer(r, resp); err != nil {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("against the document: %w", err)
	}
	return resp, nil
}

func (c *contract) answer(r *http.Request, resp *http.Response) error {
	op, err := c.operation(r)
	if err != nil {
		return err
	}
	want := op.Responses[strconv.Itoa(resp.StatusCode)]
	if want == nil {
		return fmt.Errorf("%s answers %d, which is not in the document", op.ID, resp.StatusCode)
	}
	if resp.StatusCode/100 == 2 {
		c.mu.Lock()
		c.seen[op.ID] = true
		c.mu.Unlock()
	}
	return c.body(op, want, resp)
}

func (c *contract) body(op *operation, want *content, resp *http.Response) error {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if len(want.Content) == 0 && media == "" {
		return nil
	}
	form, ok := want.Content[media]
	if !ok {
		return fmt.Errorf("%s answers %d as %q, which is not in the document", op.ID, resp.StatusCode, media)
	}
	if !strings.HasSuffix(media, "json") {
		return nil
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(b))
	if err != nil {
		return err
	}
	if err := c.validate(form.Schema, b); err != nil {
		return fmt.Errorf("%s answers %d: %w: %.300s", op.ID, resp.StatusCode, err, b)
	}
	return nil
}
