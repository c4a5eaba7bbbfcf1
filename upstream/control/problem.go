package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"syscall"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// Problem is an error of the API as problem details (RFC 9457). The client returns it: find it with errors.As, or ask
// with errors.Is for [upstream.ErrExists], [upstream.ErrUnsupported] and [syscall.EADDRINUSE].
type Problem struct {
	Type   string `json:"type" jsonschema:"what kind of problem: a reference into the OpenAPI document"`
	Title  string `json:"title" jsonschema:"the kind in words"`
	Status int    `json:"status" jsonschema:"HTTP status"`
	Detail string `json:"detail" jsonschema:"what is wrong and what to do"`
	// Nearest are names that may be meant by an unknown one.
	Nearest []string `json:"nearest,omitempty" jsonschema:"names that may be meant by an unknown one"`
}

func (p *Problem) Error() string { return p.Detail }

// Is makes a problem match the upstream's own errors.
func (p *Problem) Is(target error) bool {
	switch target {
	case upstream.ErrExists:
		return p.Type == exists.uri()
	case upstream.ErrUnsupported:
		return p.Type == unsupported.uri()
	case syscall.EADDRINUSE:
		return p.Type == portInUse.uri()
	}
	return false
}

// problemType is a kind of problem: its name in the OpenAPI document, its title there, and its status.
type problemType struct {
	name   string
	title  string
	status int
}

// The kinds of problems.
var (
	badRequest      = problemType{"bad-request", "The request cannot be understood", http.StatusBadRequest}
	noToken         = problemType{"no-token", "A bearer token is needed", http.StatusUnauthorized}
	foreignOrigin   = problemType{"foreign-origin", "The request comes from a foreign web page", http.StatusForbidden}
	notFound        = problemType{"not-found", "There is nothing at this address", http.StatusNotFound}
	unknownEndpoint = problemType{"unknown-endpoint", "No endpoint has this name", http.StatusNotFound}
	noSuchFault     = problemType{"no-such-fault", "The catalogue has no fault of this name", http.StatusNotFound}
	wrongMethod     = problemType{"wrong-method", "The method does not apply", http.StatusMethodNotAllowed}
	exists          = problemType{"exists", "An endpoint of this name exists already", http.StatusConflict}
	portInUse       = problemType{"port-in-use", "The address is in use", http.StatusConflict}
	tooLarge        = problemType{"too-large", "The body is too large", http.StatusRequestEntityTooLarge}
	wrongType       = problemType{"wrong-content-type", "The body must be application/json", http.StatusUnsupportedMediaType}
	foreignHost     = problemType{"foreign-host", "The Host field names another machine", http.StatusMisdirectedRequest}
	unknownFault    = problemType{"unknown-fault", "The plan names a fault that does not exist", http.StatusUnprocessableEntity}
	badPlan         = problemType{"bad-plan", "The plan is wrong", http.StatusUnprocessableEntity}
	badEndpoint     = problemType{"bad-endpoint", "The endpoint is wrong", http.StatusUnprocessableEntity}
	failed          = problemType{"failed", "The upstream failed", http.StatusInternalServerError}
	unsupported     = problemType{"unsupported", "This machine cannot do that", http.StatusNotImplemented}
	tooMany         = problemType{"too-many-viewers", "Too many event streams are open", http.StatusServiceUnavailable}
)

// problemTypes lists the kinds for the OpenAPI document.
func problemTypes() []problemType {
	return []problemType{badRequest, noToken, foreignOrigin, notFound, unknownEndpoint, noSuchFault, wrongMethod, exists, portInUse,
		tooLarge, wrongType, foreignHost, unknownFault, badPlan, badEndpoint, failed, unsupported, tooMany}
}

// uri refers to the kind's description, as RFC 9457 §3.1.1 wishes: it can be followed.
func (t problemType) uri() string {
	return prefix + "/openapi.json#/components/x-problems/" + t.name
}

func (t problemType) new(format string, args ...any) *Problem {
	return &Problem{Type: t.uri(), Title: t.title, Status: t.status, Detail: fmt.Sprintf(format, args...)}
}

// problem makes problem details of err; what is not known to be the user's mistake is of the kind other.
func problem(err error, other problemType) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	kind := kindOf(err, other)
	p = kind.new("%s", err.Error())
	var unknown *fault.UnknownError
	if errors.As(err, &unknown) {
		p.Nearest = unknown.Nearest
	}
	return p
}

func kindOf(err error, other problemType) problemType {
	var unknown *fault.UnknownError
	switch {
	case errors.Is(err, upstream.ErrExists):
		return exists
	case errors.Is(err, upstream.ErrUnsupported):
		return unsupported
	case errors.Is(err, syscall.EADDRINUSE):
		return portInUse
	case errors.As(err, &unknown):
		return unknownFault
	}
	return other
}

// Write sends the problem as the answer.
func (p *Problem) Write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}
