package control

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object of the document.
type object = map[string]any

// document makes the OpenAPI 3.1 document of the table.
func document(table []operation, version string) ([]byte, error) {
	all, err := schemas()
	if err != nil {
		return nil, err
	}
	if version == "" {
		version = "unknown"
	}
	return json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{"title": "gatefault control API", "version": version,
			"description": "Steers a chaos upstream: endpoints, the plans of faults they follow, and the journal of what happened."},
		"paths":    paths(table),
		"security": []object{{"token": []string{}}, {}},
		"components": object{
			"schemas":         all,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "description": "demanded unless the API listens on loopback without one"}},
			"x-problems":      problems(),
		},
	}, "", "  ")
}

// problems describes the kinds of problems, for the type of each refers here.
func problems() object {
	out := object{}
	for _, t := range problemTypes() {
		out[t.name] = object{"title": t.title, "status": t.status}
	}
	return out
}

func paths(table []operation) object {
	out := object{}
	for i := range table {
		o := &table[i]
		path, _ := out[o.path].(object)
		if path == nil {
			path = object{}
			out[o.path] = path
		}
		path[strings.ToLower(o.method)] = o.describe()
	}
	return out
}

// describe gives the operation object.
func (o *operation) describe() object {
	d := object{"operationId": o.name, "summary": o.summary, "responses": o.responses()}
	if params := o.parameters(); len(params) > 0 {
		d["parameters"] = params
	}
	if o.in != nil {
		d["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": refer(o.in)}}}
	}
	if o.public {
		d["security"] = []object{{}}
	}
	return d
}

func (o *operation) parameters() []object {
	var out []object
	for _, m := range pathParam.FindAllStringSubmatch(o.path, -1) {
		out = append(out, object{"name": m[1], "in": "path", "required": true, "description": "name of the " + m[1], "schema": text()})
	}
	for _, p := range o.query {
		out = append(out, object{"name": p.name, "in": "query", "description": p.doc, "schema": p.schema})
	}
	return out
}

func (o *operation) responses() object {
	out := object{strconv.Itoa(o.success()): o.good()}
	all := o.allProblems()
	slices.SortStableFunc(all, func(a, b problemType) int { return a.status - b.status })
	for _, t := range all {
		key := strconv.Itoa(t.status)
		if r, ok := out[key].(object); ok {
			r["description"] = fmt.Sprintf("%s; or: %s", r["description"], t.title)
			continue
		}
		out[key] = object{"description": t.title, "content": object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}}}
	}
	return out
}

func (o *operation) good() object {
	r := object{"description": http.StatusText(o.success())}
	switch {
	case o.out != nil:
		r["content"] = object{"application/json": object{"schema": refer(o.out)}}
	case o.media == "application/json":
		r["content"] = object{o.media: object{"schema": object{"type": "object"}}}
	case o.media != "":
		r["content"] = object{o.media: object{"schema": text()}}
	}
	return r
}
