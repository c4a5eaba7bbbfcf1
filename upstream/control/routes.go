package control

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// api answers the requests.
type api struct {
	up        *upstream.Upstream
	log       *slog.Logger
	version   string
	heartbeat time.Duration
	guard     guard
	table     []operation
	router    *mux.Router
	document  []byte
	viewers   chan struct{} // one token for each open event stream
}

func newAPI(o Options) (*api, error) {
	a := &api{up: o.Upstream, log: o.Log, version: o.Version, heartbeat: o.Heartbeat, viewers: make(chan struct{}, MaxViewers)}
	a.guard = newGuard(o.Token)
	a.table = a.operations()
	var err error
	if a.document, err = document(a.table, o.Version); err != nil {
		return nil, fmt.Errorf("control API: OpenAPI document: %w", err)
	}
	a.route()
	return a, nil
}

// route makes the routes of the table.
func (a *api) route() {
	a.router = mux.NewRouter().SkipClean(true) // a redirect to the clean path would lose a PUT's body
	for _, o := range a.table {
		a.router.Methods(o.method).Path(o.path).Name(o.name).Handler(a.handler(o))
	}
	// mux calls some wrong methods not found: a route that fits the method but not the path hides one that fits the path.
	a.router.NotFoundHandler = http.HandlerFunc(a.miss)
	a.router.MethodNotAllowedHandler = http.HandlerFunc(a.miss)
}

// ServeHTTP lets through what may pass.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := a.guard.check(r, a.isPublic(r)); p != nil {
		if p.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="gatefault"`)
		}
		p.Write(w)
		return
	}
	a.router.ServeHTTP(w, r)
}

func (a *api) isPublic(r *http.Request) bool {
	return slices.ContainsFunc(a.table, func(o operation) bool { return o.public && o.path == r.URL.Path && o.method == r.Method })
}

// handler turns an operation's error into problem details.
func (a *api) handler(o operation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := checkQuery(r, o.query)
		var out any
		if err == nil {
			out, err = o.serve(w, r)
		}
		if err != nil {
			p := problem(err, failed)
			a.log.Debug("control API", "operation", o.name, "status", p.Status, "err", err)
			p.Write(w)
		} else if o.media == "" {
			writeJSON(w, o, out)
		}
	})
}

// writeJSON sends the answer of an operation that succeeded. An error of writing means that the client is gone.
func writeJSON(w http.ResponseWriter, o operation, out any) {
	w.Header().Set("Cache-Control", "no-store")
	if o.out == nil {
		w.WriteHeader(o.success())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(o.success())
	_ = json.NewEncoder(w).Encode(out)
}

// checkQuery refuses unknown and repeated parameters: they would be ignored silently.
func checkQuery(r *http.Request, known []parameter) error {
	names := make([]string, len(known))
	for i, p := range known {
		names[i] = p.name
	}
	for name, values := range r.URL.Query() {
		if !slices.Contains(names, name) {
			p := badRequest.new("there is no query parameter %q here", name)
			p.Nearest = fault.Nearest(name, names)
			if len(names) > 0 {
				p.Detail += "; there are " + strings.Join(names, ", ")
			}
			return p
		}
		if len(values) > 1 {
			return badRequest.new("query parameter %q is given %d times", name, len(values))
		}
	}
	return nil
}

// miss answers what has no route.
func (a *api) miss(w http.ResponseWriter, r *http.Request) {
	allowed := a.allowed(r)
	if len(allowed) == 0 {
		notFound.new("there is nothing at %s; %s lists what there is", r.URL.Path, prefix+"/openapi.json").Write(w)
		return
	}
	list := strings.Join(allowed, ", ")
	w.Header().Set("Allow", list)
	wrongMethod.new("%s does not apply to %s; use %s", r.Method, r.URL.Path, list).Write(w)
}

// allowed gives the methods that have a route for r's path.
func (a *api) allowed(r *http.Request) []string {
	var out []string
	for _, o := range a.table {
		try := r.Clone(r.Context())
		try.Method = o.method
		var m mux.RouteMatch
		if !slices.Contains(out, o.method) && a.router.Match(try, &m) && m.MatchErr == nil {
			out = append(out, o.method)
		}
	}
	return out
}
