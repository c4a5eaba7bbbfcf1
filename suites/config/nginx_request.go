package config

import (
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// Limits on the values of variables that are tried, of those that decide where a request goes.
const (
	maxVariationsOfOne = 24 // of one variable
	maxVariations      = 96
)

// nginxVariation is a request that differs from others by what a variable says of it.
type nginxVariation struct{ variable, value string }

// apply changes a request so that the variable has the value. ok is false for a variable that clients cannot decide on.
func (v nginxVariation) apply(r nginxRequest) (_ nginxRequest, ok bool) {
	argument, isArgument := strings.CutPrefix(v.variable, "arg_")
	cookie, isCookie := strings.CutPrefix(v.variable, "cookie_")
	switch {
	case v.variable == "host" || v.variable == "http_host":
		r.host = strings.ToLower(v.value)
		return r, validHost(r.host)
	case v.variable == "uri" || v.variable == "request_uri" || v.variable == "document_uri":
		r.path, r.query, _ = strings.Cut(v.value, "?")
		return r, strings.HasPrefix(r.path, "/")
	case v.variable == "request_method":
		r.method = v.value
		return r, r.method != "" && strings.Trim(r.method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	case isArgument:
		r.query = argument + "=" + v.value
		return r, url.QueryEscape(v.value) == v.value
	case isCookie:
		r = r.with("http_cookie", cookie+"="+v.value)
		return r, url.QueryEscape(v.value) == v.value
	case strings.HasPrefix(v.variable, "http_") && v.variable != "http_upgrade" && v.variable != "http_connection":
		r = r.with(v.variable, v.value)
		return r, v.value != "" && strings.IndexFunc(v.value, func(c rune) bool { return c < ' ' || c > '~' }) < 0
	}
	return r, false
}

// with is the request with one more header field.
func (r nginxRequest) with(variable, value string) nginxRequest {
	headers := map[string]string{variable: value}
	for other, value := range r.headers {
		if other != variable {
			headers[other] = value
		}
	}
	r.headers = headers
	return r
}

// fields are the request's header fields by their names.
func (r nginxRequest) fields() map[string]string {
	if len(r.headers) == 0 {
		return nil
	}
	fields := map[string]string{}
	for variable, value := range r.headers {
		fields[textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(strings.TrimPrefix(variable, "http_"), "_", "-"))] = value
	}
	return fields
}

// target is the request's path and query as a client writes them.
func (r nginxRequest) target() string {
	return nginxTargetOf((&url.URL{Path: r.path}).EscapedPath(), r.query)
}

// variations are the requests that maps and conditions tell apart.
func (h *nginxHTTP) variations() []nginxVariation {
	var all []nginxVariation
	for name, m := range h.maps {
		variable, single := strings.CutPrefix(m.source, "$")
		if variable = strings.ToLower(strings.Trim(variable, "{}")); !single || name == "" {
			continue
		}
		for _, value := range m.values() {
			all = append(all, nginxVariation{variable, value})
		}
	}
	for _, s := range h.servers {
		s.each(func(l *nginxLocation) { all = append(all, nginxConditions(l.scope.list)...) })
	}
	slices.SortStableFunc(all, func(a, b nginxVariation) int {
		return strings.Compare(a.variable+"\x00"+a.value, b.variable+"\x00"+b.value)
	})
	values := map[string]int{}
	all = slices.DeleteFunc(slices.Compact(all), func(v nginxVariation) bool {
		values[v.variable]++
		return values[v.variable] > maxVariationsOfOne
	})
	return all[:min(len(all), maxVariations)]
}

// nginxConditions are the variations that the conditions and the limit_except of a block ask for.
func nginxConditions(list []directive) []nginxVariation {
	var all []nginxVariation
	for _, d := range list {
		switch d.name {
		case "limit_except":
			for _, method := range append([]string{"POST"}, d.args...) {
				all = append(all, nginxVariation{"request_method", method})
			}
		case "if":
			all = append(all, nginxVaried(nginxCondition(d.args))...)
		}
	}
	return all
}

// nginxVaried are the variations that a condition tells apart: that it holds, or that something else is so.
func nginxVaried(words []string) []nginxVariation {
	if len(words) == 0 || !strings.HasPrefix(words[0], "$") {
		return nil
	}
	variable := strings.ToLower(words[0][1:])
	other := nginxVariation{variable, "1"}
	if variable == "request_method" {
		other.value = "POST"
	}
	if len(words) != 3 {
		return []nginxVariation{other}
	}
	value, ok := words[2], words[2] != ""
	if strings.HasPrefix(strings.TrimPrefix(words[1], "!"), "~") {
		value, ok = nginxExpression(value, true).example()
	}
	if !ok {
		return []nginxVariation{other}
	}
	return []nginxVariation{{variable, value}, other}
}
