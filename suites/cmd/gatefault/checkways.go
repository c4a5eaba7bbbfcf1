package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/suites/check"
)

// ways puts upstreams, requests, fields and entries into the words of a project. An upstream with a request of its own is a
// route, and with several entries so is each request at each of them.
func (o *ownFlags) ways(f *check.Flags) error {
	headers, err := fields(o.Header)
	if err != nil {
		return err
	}
	for _, text := range o.Upstream {
		key, request, own := strings.Cut(text, "=")
		f.Upstreams = append(f.Upstreams, key)
		if !own {
			continue
		}
		route, err := routeTo(key, request)
		if err != nil {
			return err
		}
		route.Headers = headers
		f.Asked = append(f.Asked, route)
	}
	if len(headers) > 0 && len(o.Request)+len(f.Asked) == 0 {
		return fmt.Errorf("--header %s: it is a field of a request; say which with --request, such as --request 'GET /'", o.Header[0])
	}
	f.Requests, f.Headers = o.Request, headers
	return o.entries(f)
}

// routeTo takes HOST:PORT and REQUEST.
func routeTo(key, request string) (check.Route, error) {
	to, err := check.ParseUpstream(key)
	if err != nil {
		return check.Route{}, fmt.Errorf("--upstream: %w", err)
	}
	line, err := check.ParseRequestLine(request)
	if err != nil {
		return check.Route{}, fmt.Errorf("--upstream %s: %w", key, err)
	}
	return check.Route{Name: key, Request: line, Upstreams: []check.Upstream{to}}, nil
}

// fields takes NAME:VALUE.
func fields(given []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range given {
		name, value, both := strings.Cut(text, ":")
		if name = strings.TrimSpace(name); !both || name == "" || strings.ContainsAny(text, "\r\n") {
			return nil, fmt.Errorf("--header %q: write NAME:VALUE, such as 'Host: shop.example'", text)
		}
		out[name] = strings.TrimSpace(value)
	}
	return out, nil
}

// entries gives each request each of several entries; a single one is all requests'.
func (o *ownFlags) entries(f *check.Flags) error {
	if len(o.Entry) < 2 {
		f.Entry = strings.Join(o.Entry, "")
		return nil
	}
	routes := slices.Clone(f.Asked)
	for _, text := range o.Request {
		line, err := check.ParseRequestLine(text)
		if err != nil {
			return fmt.Errorf("--request: %w", err)
		}
		routes = append(routes, check.Route{Name: line.String(), Request: line, Headers: f.Headers})
	}
	if len(routes) == 0 {
		routes = []check.Route{{}}
	}
	f.Asked, f.Requests = nil, nil
	for _, text := range o.Entry {
		entry, err := check.ParseEntry(text)
		if err != nil {
			return fmt.Errorf("--entry: %w", err)
		}
		for _, r := range routes {
			r.Entry, r.Name = entry, strings.TrimSpace(r.Name+" "+text)
			f.Asked = append(f.Asked, r)
		}
	}
	return nil
}

// reproduce is what the user called, with the flags that run one scenario alone instead of those that choose what runs and
// where reports go.
func (c *checkCmd) reproduce(route, scenario string) string {
	words := []string{"gatefault check"}
	add := func(flag string, values ...string) {
		for _, v := range values {
			if v != "" {
				words = append(words, strings.TrimSpace(flag+" "+quote(v)))
			}
		}
	}
	add("", c.Gateway)
	add("--config", c.Config)
	add("--target", c.Target)
	add("--control", c.Control)
	add("--project", c.Project)
	add("--upstream", c.Upstream...)
	add("--request", c.Request...)
	add("--header", c.Header...)
	add("--entry", c.Entry...)
	add("--image", c.Image)
	add("--binary", c.Binary)
	add("--env", c.Env...)
	add("--mount", c.Mount...)
	add("--scenarios", c.Scenarios)
	if c.Patience != nil {
		add("--patience", c.Patience.String())
	}
	add("--default", c.Default)
	if c.Local {
		words = append(words, "--local")
	}
	add("--route", route)
	add("-s", scenario)
	return strings.Join(words, " ")
}
