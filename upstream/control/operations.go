package control

import (
	"net/http"
	"reflect"
	"regexp"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatefault/gatefault/upstream"
)

// prefix is where the API lives.
const prefix = "/api/v1"

// mediaPEM is the media type of certificates in PEM (RFC 8555 §9.1).
const mediaPEM = "application/pem-certificate-chain"

// operation is one row of the table from which routes and OpenAPI document are made.
type operation struct {
	name     string // operationId
	method   string
	path     string // with {endpoint} or {fault}
	summary  string
	query    []parameter
	status   int  // of success; 0: 200
	public   bool // may be asked without a token
	problems []problemType
	call
}

// parameter is one that stands in the path or query.
type parameter struct {
	name   string
	doc    string
	schema *jsonschema.Schema
}

// call is what an operation does, with the Go types of its bodies; nil where there is none.
type call struct {
	in, out reflect.Type
	media   string // content type of an answer that is not made of a Go type
	// serve gives what becomes the JSON answer. One with a media type of its own writes its answer itself, unless it fails.
	serve func(w http.ResponseWriter, r *http.Request) (any, error)
}

// none is the body that is not there.
type none struct{}

func filterParams() []parameter {
	return []parameter{
		{"endpoint", "only events of this endpoint", text()},
		{"contains", "only events whose request target contains this", text()},
		{"kind", "only events of this kind", enum(eventKinds()...)},
	}
}

// operations is the table.
func (a *api) operations() []operation {
	after := parameter{"after", "only events newer than this one; beyond the newest event, as after a restart of the upstream: all", &jsonschema.Schema{Type: "integer", Minimum: jsonschema.Ptr(0.0)}}
	return []operation{
		{name: "health", method: "GET", path: prefix + "/health", public: true,
			summary: "Tells that the upstream is up and what it can do", call: answer(a.health)},
		{name: "listFaults", method: "GET", path: prefix + "/faults",
			summary: "Lists the faults with their parameters", call: answer(a.faults)},
		{name: "getFault", method: "GET", path: prefix + "/faults/{fault}",
			summary: "Describes one fault", problems: []problemType{noSuchFault}, call: answer(a.fault)},
		{name: "listEndpoints", method: "GET", path: prefix + "/endpoints",
			summary: "Lists the endpoints with their plans", call: answer(a.endpoints)},
		{name: "createEndpoint", method: "POST", path: prefix + "/endpoints", status: http.StatusCreated,
			summary: "Opens an endpoint", problems: []problemType{exists, portInUse, badEndpoint}, call: answer(a.createEndpoint)},
		{name: "getEndpoint", method: "GET", path: prefix + "/endpoints/{endpoint}",
			summary: "Tells one endpoint's state", call: answer(a.getEndpoint)},
		{name: "changeEndpoint", method: "PATCH", path: prefix + "/endpoints/{endpoint}",
			summary: "Changes who serves an endpoint; its plan becomes empty", problems: []problemType{badEndpoint, failed},
			call: answer(a.changeEndpoint)},
		{name: "deleteEndpoint", method: "DELETE", path: prefix + "/endpoints/{endpoint}", status: http.StatusNoContent,
			summary: "Closes an endpoint and its connections", call: answer(a.deleteEndpoint)},
		{name: "getPlan", method: "GET", path: prefix + "/endpoints/{endpoint}/plan",
			summary: "Gives the plan in force", call: answer(a.getPlan)},
		{name: "setPlan", method: "PUT", path: prefix + "/endpoints/{endpoint}/plan",
			summary:  "Puts a plan in force, for every connection and request that begins after the answer",
			query:    []parameter{{"existing", "what becomes of the connections that are open; default keep", enum(upstream.Keep, upstream.CloseExisting)}},
			problems: []problemType{unknownFault, badPlan, unsupported, failed}, call: answer(a.setPlan)},
		{name: "clearPlan", method: "DELETE", path: prefix + "/endpoints/{endpoint}/plan",
			summary: "Makes an endpoint healthy and closes its connections", problems: []problemType{failed}, call: answer(a.clearPlan)},
		{name: "readJournal", method: "GET", path: prefix + "/journal",
			summary: "Gives a page of the journal", call: answer(a.readJournal),
			query: append([]parameter{after,
				{"limit", "most events of the page; default 1000", number(1, MaxPage)},
				{"wait", "how long to wait for a first event, such as 2s; at most 30s", duration()}}, filterParams()...)},
		{name: "followJournal", method: "GET", path: prefix + "/events",
			summary: "Streams the journal's events from now on, or after the given one or the Last-Event-ID field",
			query:   append([]parameter{after}, filterParams()...), problems: []problemType{tooMany},
			call: call{media: "text/event-stream", serve: a.events}},
		{name: "reset", method: "POST", path: prefix + "/reset", status: http.StatusNoContent,
			summary:  "Makes every endpoint healthy and closes its connections",
			problems: []problemType{failed}, call: answer(a.reset)},
		{name: "getCA", method: "GET", path: prefix + "/ca",
			summary:  "Gives the certificate of the authority that the endpoints' TLS certificates are signed by, in PEM",
			problems: []problemType{failed}, call: call{media: mediaPEM, serve: a.ca}},
		{name: "openapi", method: "GET", path: prefix + "/openapi.json",
			summary: "Gives this document", call: call{media: "application/json", serve: a.openAPI}},
		{name: "metrics", method: "GET", path: "/metrics",
			summary: "Gives metrics in Prometheus' text format", call: call{media: "text/plain", serve: a.metrics}},
	}
}

// pathParam finds {name} in a path.
var pathParam = regexp.MustCompile(`\{(\w+)\}`)

// allProblems gives the operation's own kinds of problems and those of its shape.
func (o *operation) allProblems() []problemType {
	all := slices.Concat(o.problems, []problemType{badRequest, foreignHost, foreignOrigin})
	if !o.public {
		all = append(all, noToken)
	}
	if o.in != nil {
		all = append(all, wrongType, tooLarge)
	}
	for _, m := range pathParam.FindAllStringSubmatch(o.path, -1) {
		if m[1] == "endpoint" {
			all = append(all, unknownEndpoint)
		}
	}
	return all
}

func (o *operation) success() int {
	if o.status == 0 {
		return http.StatusOK
	}
	return o.status
}
