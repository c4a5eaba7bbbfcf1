package control

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// changeTimeout bounds a change of plan or kind, which may have to start a process.
const changeTimeout = 25 * time.Second

// changing gives the context of a change: it goes on though the client may leave, so that none stays half done.
func changing(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), changeTimeout)
}

func (a *api) health(_ http.ResponseWriter, r *http.Request, _ none) (Health, error) {
	h := Health{Status: "ok"}
	if a.guard.authorised(r) {
		h.Version, h.Uptime, h.Abilities = a.version, upstream.Duration(a.up.Now()), a.up.Abilities()
		if at := a.up.NameServer(); at.IsValid() {
			h.NameServer = at.String()
		}
		h.Journal = a.up.Journal().Last()
	}
	return h, nil
}

func (a *api) faults(http.ResponseWriter, *http.Request, none) (Faults, error) {
	list := Faults{}
	for _, f := range fault.All() {
		list.Faults = append(list.Faults, describe(f))
	}
	return list, nil
}

func (a *api) fault(_ http.ResponseWriter, r *http.Request, _ none) (Fault, error) {
	f, err := fault.Find(mux.Vars(r)["fault"])
	if err != nil {
		p := problem(err, failed)
		p.Type, p.Title, p.Status = noSuchFault.uri(), noSuchFault.title, noSuchFault.status
		return Fault{}, p
	}
	return describe(f), nil
}

func (a *api) endpoints(http.ResponseWriter, *http.Request, none) (Endpoints, error) {
	list := Endpoints{Endpoints: []upstream.State{}}
	for _, ep := range a.up.Endpoints() {
		list.Endpoints = append(list.Endpoints, state(ep))
	}
	return list, nil
}

func (a *api) createEndpoint(w http.ResponseWriter, _ *http.Request, cfg upstream.EndpointConfig) (upstream.State, error) {
	if err := cfg.Validate(); err != nil {
		return upstream.State{}, badEndpoint.new("%s", err)
	}
	ep, err := a.up.Listen(cfg)
	if err != nil {
		return upstream.State{}, problem(err, badEndpoint)
	}
	w.Header().Set("Location", prefix+"/endpoints/"+url.PathEscape(ep.ID()))
	return state(ep), nil
}

func (a *api) getEndpoint(_ http.ResponseWriter, r *http.Request, _ none) (upstream.State, error) {
	ep, err := a.find(r)
	if err != nil {
		return upstream.State{}, err
	}
	return state(ep), nil
}

func (a *api) changeEndpoint(_ http.ResponseWriter, r *http.Request, patch EndpointPatch) (upstream.State, error) {
	ep, err := a.find(r)
	if err != nil {
		return upstream.State{}, err
	}
	if patch.Kind != upstream.HTTP && patch.Kind != upstream.Process {
		return upstream.State{}, badEndpoint.new("kind must be http or process, not %q", patch.Kind)
	}
	ctx, cancel := changing(r)
	defer cancel()
	if err := ep.SetKind(ctx, patch.Kind); err != nil {
		return upstream.State{}, err
	}
	return state(ep), nil
}

func (a *api) deleteEndpoint(_ http.ResponseWriter, r *http.Request, _ none) (none, error) {
	ep, err := a.find(r)
	if err != nil {
		return none{}, err
	}
	ep.Close()
	return none{}, nil
}

func (a *api) getPlan(_ http.ResponseWriter, r *http.Request, _ none) (upstream.Plan, error) {
	ep, err := a.find(r)
	if err != nil {
		return upstream.Plan{}, err
	}
	return state(ep).Plan, nil
}

func (a *api) setPlan(_ http.ResponseWriter, r *http.Request, p upstream.Plan) (PlanChange, error) {
	existing := upstream.Existing(r.URL.Query().Get("existing"))
	switch existing {
	case "":
		existing = upstream.Keep
	case upstream.Keep, upstream.CloseExisting:
	default:
		return PlanChange{}, badRequest.new("existing must be keep or close, not %q", string(existing))
	}
	if err := p.Validate(); err != nil {
		return PlanChange{}, problem(err, badPlan)
	}
	return a.change(r, p, existing)
}

func (a *api) clearPlan(_ http.ResponseWriter, r *http.Request, _ none) (PlanChange, error) {
	return a.change(r, upstream.Plan{}, upstream.CloseExisting)
}

func (a *api) change(r *http.Request, p upstream.Plan, existing upstream.Existing) (PlanChange, error) {
	ep, err := a.find(r)
	if err != nil {
		return PlanChange{}, err
	}
	before := a.up.Journal().Last()
	ctx, cancel := changing(r)
	defer cancel()
	if err := ep.SetPlan(ctx, p, existing); err != nil {
		if _, gone := a.find(r); gone != nil { // deleted meanwhile
			return PlanChange{}, gone
		}
		return PlanChange{}, err
	}
	return PlanChange{Plan: withRules(p), Journal: before}, nil
}

func (a *api) reset(_ http.ResponseWriter, r *http.Request, _ none) (none, error) {
	ctx, cancel := changing(r)
	defer cancel()
	return none{}, a.up.Reset(ctx)
}

// find gives the endpoint that the path names.
func (a *api) find(r *http.Request) (*upstream.Endpoint, error) {
	id := mux.Vars(r)["endpoint"]
	if ep := a.up.Endpoint(id); ep != nil {
		return ep, nil
	}
	var names []string
	for _, ep := range a.up.Endpoints() {
		names = append(names, ep.ID())
	}
	unknown := &fault.UnknownError{Kind: "endpoint", Name: id, Nearest: fault.Nearest(id, names)}
	p := unknownEndpoint.new("%s", unknown.Error())
	p.Nearest = unknown.Nearest
	return nil, p
}

func state(ep *upstream.Endpoint) upstream.State {
	s := ep.State()
	s.Plan = withRules(s.Plan)
	return s
}

// withRules makes the rules of an empty plan an empty list, not null.
func withRules(p upstream.Plan) upstream.Plan {
	if p.Rules == nil {
		p.Rules = []upstream.Rule{}
	}
	return p
}

func (a *api) ca(w http.ResponseWriter, _ *http.Request) (any, error) {
	ca, err := a.up.CA()
	if err != nil {
		return nil, err
	}
	w.Header().Set("Content-Type", mediaPEM)
	_, _ = w.Write(ca) // the client may be gone
	return nil, nil
}

func (a *api) openAPI(w http.ResponseWriter, _ *http.Request) (any, error) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(a.document) // the client may be gone
	return nil, nil
}
