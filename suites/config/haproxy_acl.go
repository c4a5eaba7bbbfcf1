package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// haproxyTest is one criterion of an ACL with the values that it is compared with.
type haproxyTest struct {
	raw    string // as written
	fetch  string // what of the request is looked at; empty if it is not known here
	field  string // name of the header field
	match  string // how: str, beg, end, sub, dir, dom, reg, found
	values []string
	fold   bool // letters match in either case
}

// haproxyFetches are the sample fetches that are understood (configuration manual, section 7.3).
var haproxyFetches = map[string]string{
	"path": "path", "pathq": "path", "url": "path", "capture.req.uri": "path", "uri": "path",
	"base": "base", "method": "method", "capture.req.method": "method", "ssl_fc": "tls", "dst_port": "port",
	"ssl_fc_sni": "sni", "ssl_sni": "sni", "hdr": "field", "fhdr": "field", "shdr": "field",
	"always_true": "true", "always_false": "false", "http_auth": "false", "http_auth_group": "false",
}

// haproxyMatches are the ways to compare strings, as suffixes of a fetch and as values of -m (section 7.1.3).
var haproxyMatches = []string{"str", "beg", "end", "sub", "dir", "dom", "reg", "found", "len", "cnt", "int", "ip", "bin", "hex", "val", "bool"}

// sameValue are converters after which the example values here are the same as before.
var sameValue = []string{"lower", "url_dec", "host_only", "field(1,:)", "word(1,:)", "field(1,?)"}

// parseHAProxyTest reads a criterion with its flags and values: path_beg -i /api /v1. Patterns of files that the user brought
// are values, too.
func parseHAProxyTest(words []string, files *Files, home string) haproxyTest {
	t := haproxyTest{raw: words[0], match: "str"}
	t.criterion(words[0])
	rest := words[1:]
	for len(rest) > 0 && len(rest[0]) == 2 && rest[0][0] == '-' {
		flag := rest[0]
		rest = rest[1:]
		switch {
		case flag == "--":
			t.values = append(t.values, rest...)
			return t
		case flag == "-i":
			t.fold = true
		case flag == "-m" && len(rest) > 0:
			t.match, rest = rest[0], rest[1:]
		case flag == "-f" && len(rest) > 0:
			t.values = append(t.values, patternsOf(files, absolute(home, rest[0]))...)
			rest = rest[1:]
		}
	}
	t.values = append(t.values, rest...)
	return t
}

// criterion reads fetch_match(argument),converter,converter.
func (t *haproxyTest) criterion(text string) {
	parts := splitOutside(text, ',')
	for _, converter := range parts[1:] {
		if !slices.Contains(sameValue, strings.ReplaceAll(converter, "'", "")) {
			return
		}
		t.fold = t.fold || converter == "lower"
	}
	name, arg, _ := strings.Cut(strings.TrimSuffix(parts[0], ")"), "(")
	name = strings.TrimPrefix(strings.TrimPrefix(name, "req."), "req_")
	if stem, match, ok := cutLast(name, "_"); ok && slices.Contains(haproxyMatches, match) {
		name, t.match = stem, match
	}
	t.fetch = haproxyFetches[name]
	if t.fetch == "field" {
		field, _, _ := strings.Cut(arg, ",")
		t.field = strings.ToLower(strings.Trim(strings.TrimSpace(field), `"'`))
	}
	if t.fetch == "field" && t.field == "host" {
		t.fetch = "host"
	}
}

func cutLast(text, sep string) (before, after string, found bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(sep):], true
}

// splitOutside splits at a byte that stands outside of parentheses.
func splitOutside(text string, sep byte) []string {
	var parts []string
	depth, from := 0, 0
	for i := range len(text) {
		switch {
		case text[i] == '(':
			depth++
		case text[i] == ')':
			depth--
		case text[i] == sep && depth <= 0:
			parts = append(parts, text[from:i])
			from = i + 1
		}
	}
	return append(parts, text[from:])
}

// value is what a request has of it. known is false for what a request alone does not decide.
func (t haproxyTest) value(s sample) (value string, present, known bool) {
	switch t.fetch {
	case "path":
		return s.path, true, true
	case "base":
		return s.host + s.path, true, true
	case "host":
		return s.host, s.host != "", true
	case "sni":
		return s.host, s.entry.TLS && s.host != "", true
	case "method":
		return s.method, true, true
	case "port":
		return strconv.Itoa(int(s.entry.Port)), true, true
	case "field":
		value, present = s.fields[t.field]
		return value, present, true
	}
	return "", false, false
}

func (t haproxyTest) holds(s sample) truth {
	switch t.fetch {
	case "true":
		return yes
	case "false":
		return no
	case "tls":
		return truthOf(s.entry.TLS)
	}
	value, present, known := t.value(s)
	switch {
	case !known:
		return unknown
	case t.match == "found":
		return truthOf(present)
	case !present:
		return no
	}
	result := no
	for _, want := range t.values {
		result = max(result, t.matches(value, want))
	}
	return result
}

// matches compares one value. "dir" and "dom" look for it between slashes and between slashes or dots.
func (t haproxyTest) matches(value, want string) truth {
	if t.fold && t.match != "reg" {
		value, want = strings.ToLower(value), strings.ToLower(want)
	}
	switch t.match {
	case "str", "int":
		return truthOf(value == want)
	case "beg":
		return truthOf(strings.HasPrefix(value, want))
	case "end":
		return truthOf(strings.HasSuffix(value, want))
	case "sub":
		return truthOf(strings.Contains(value, want))
	case "dir":
		return truthOf(between(value, want, "/"))
	case "dom":
		return truthOf(between(value, want, "/.:"))
	case "reg":
		re, err := regexp.Compile(t.expression(want))
		if err != nil {
			return unknown
		}
		return truthOf(re.MatchString(value))
	}
	return unknown
}

func (t haproxyTest) expression(want string) string {
	if t.fold {
		return "(?i)" + want
	}
	return want
}

// between tells whether want stands in value with a delimiter, or an end of value, on either side.
func between(value, want, delimiters string) bool {
	want = strings.Trim(want, delimiters)
	for from := 0; want != ""; {
		i := strings.Index(value[from:], want)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(want)
		if (start == 0 || strings.IndexByte(delimiters, value[start-1]) >= 0) && (end == len(value) || strings.IndexByte(delimiters, value[end]) >= 0) {
			return true
		}
		from = start + 1
	}
	return false
}
