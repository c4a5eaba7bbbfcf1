package config

import (
	"cmp"
	"strconv"
	"strings"
)

// Limits on variables that are made of variables, which are made of variables.
const (
	maxLookups = 10_000 // in one walk
	maxText    = 64 << 10
)

// expand puts the values of variables into a text. known is false when one of them cannot be known here.
func (w *nginxWalk) expand(text string) (expanded string, known bool) {
	if w.depth++; w.depth > maxDepth {
		w.lookups = maxLookups
	}
	defer func() { w.depth-- }()
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		name, rest := nginxVariableName(after)
		if name == "" { // an expression's end
			b.WriteByte('$')
			text = rest
			continue
		}
		w.lookups++
		value, known := w.variable(strings.ToLower(name))
		if !known || b.Len() > maxText {
			return "", false
		}
		b.WriteString(value)
		text = rest
	}
}

// nginxVariableName splits what follows a dollar sign: name, {name} or a digit.
func nginxVariableName(text string) (name, rest string) {
	if strings.HasPrefix(text, "{") {
		if name, rest, ok := strings.Cut(text[1:], "}"); ok {
			return name, rest
		}
	}
	if text != "" && text[0] >= '1' && text[0] <= '9' {
		return text[:1], text[1:]
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	rest = strings.TrimLeft(text, letters)
	return text[:len(text)-len(rest)], rest
}

func nginxVariable(text string) bool { return strings.Contains(text, "$") }

// variable is a variable's value for this request: https://nginx.org/en/docs/http/ngx_http_core_module.html#variables.
func (w *nginxWalk) variable(name string) (value string, known bool) {
	if w.lookups > maxLookups {
		return "", false
	}
	if value, ok := w.set[name]; ok {
		return value, !w.unknown[name]
	}
	if m := w.h.maps[name]; m != nil {
		return w.mapped(m)
	}
	if i, err := strconv.Atoi(name); err == nil {
		if i < len(w.captures) {
			return w.captures[i], true
		}
		return "", true
	}
	for prefix, value := range map[string]func(string) string{"arg_": w.argument, "http_": w.header, "cookie_": w.cookie} {
		if of, ok := strings.CutPrefix(name, prefix); ok {
			return value(of), true
		}
	}
	return w.builtIn(name)
}

func (w *nginxWalk) mapped(m *nginxMap) (string, bool) {
	if m.source == "" {
		return w.expand(m.otherwise)
	}
	value, known := w.expand(m.source)
	if !known {
		return "", false
	}
	result, captures := m.result(value)
	if captures != nil {
		defer func(before []string) { w.captures = before }(w.captures)
		w.captures = captures
	}
	return w.expand(result)
}

func (w *nginxWalk) argument(name string) string {
	for _, pair := range strings.Split(w.query, "&") {
		if key, value, _ := strings.Cut(pair, "="); strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

func (w *nginxWalk) header(name string) string {
	if name == "host" {
		return w.request.host
	}
	return w.request.headers["http_"+name]
}

func (w *nginxWalk) cookie(name string) string {
	for _, pair := range strings.Split(w.request.headers["http_cookie"], "; ") {
		if key, value, _ := strings.Cut(pair, "="); strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

func (w *nginxWalk) builtIn(name string) (value string, known bool) {
	switch name {
	case "uri", "document_uri", "fastcgi_script_name":
		return w.path, true
	case "request_uri":
		return nginxTargetOf(w.request.path, w.request.query), true
	case "args", "query_string":
		return w.query, true
	case "is_args":
		return strings.Repeat("?", min(1, len(w.query))), true
	case "request_method":
		return w.request.method, true
	case "document_root":
		return w.file(""), true
	case "request_filename":
		return w.file(w.path), true
	case "invalid_referer", "ssl_client_s_dn", "remote_user":
		return "", true // no request has any
	}
	return w.ofConnection(name)
}

// ofConnection is a variable that the entry and the server decide on.
func (w *nginxWalk) ofConnection(name string) (value string, known bool) {
	var entry Entry
	if i := w.request.entry; i >= 0 {
		entry = w.h.entries[i]
	}
	switch name {
	case "host":
		return cmp.Or(w.request.host, w.serverName()), true
	case "server_name":
		return w.serverName(), true
	case "server_port":
		return strconv.Itoa(int(entry.Port)), true
	case "scheme":
		return map[bool]string{true: "https", false: "http"}[entry.TLS], true
	case "https":
		return map[bool]string{true: "on"}[entry.TLS], true
	case "ssl_server_name":
		return w.request.host, entry.TLS
	case "server_protocol":
		return "HTTP/1.1", true
	}
	return "", false
}

func (w *nginxWalk) serverName() string {
	if len(w.server.names) > 0 {
		return w.server.names[0]
	}
	return ""
}

func nginxTargetOf(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + query
}
