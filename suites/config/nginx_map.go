package config

import "strings"

// nginxMap is a map or geo block: https://nginx.org/en/docs/http/ngx_http_map_module.html.
type nginxMap struct {
	source    string // an expression with variables; empty for geo, whose clients are not known
	hostnames bool
	exact     map[string]string // keys in lower case
	keys      []string          // as written, in their order
	patterns  []nginxPattern
	otherwise string
}

type nginxPattern struct {
	expr   *nginxExpr
	result string
}

func (h *nginxHTTP) addMap(d directive) {
	m := &nginxMap{exact: map[string]string{}}
	variable := d.args[len(d.args)-1]
	if d.name == "map" {
		m.source = d.args[0]
	}
	for _, line := range d.block {
		m.add(line)
	}
	h.maps[strings.ToLower(strings.TrimPrefix(variable, "$"))] = m
}

func (m *nginxMap) add(line directive) {
	key, result := line.name, line.arg(0)
	expr, isExpr := strings.CutPrefix(key, "~")
	switch {
	case key == "default":
		m.otherwise = result
	case key == "hostnames" && len(line.args) == 0:
		m.hostnames = true
	case m.source == "" || len(line.args) == 0: // ranges of clients, volatile
	case isExpr:
		fold := strings.HasPrefix(expr, "*")
		m.patterns = append(m.patterns, nginxPattern{nginxExpression(strings.TrimPrefix(expr, "*"), fold), result})
	default:
		key = strings.TrimPrefix(key, `\`)
		m.exact[strings.ToLower(key)] = result
		m.keys = append(m.keys, key)
	}
}

// result is what a value is mapped to, and the captures of the expression that matched it.
func (m *nginxMap) result(value string) (string, []string) {
	lower := strings.ToLower(value)
	if result, ok := m.exact[lower]; ok {
		return result, nil
	}
	best, rank := "", 0
	for name, result := range m.exact {
		if r := nginxNameRank(name, lower); m.hostnames && r > rank {
			best, rank = result, r
		}
	}
	if rank > 0 {
		return best, nil
	}
	for _, p := range m.patterns {
		if captures := p.expr.captures(value); captures != nil {
			return p.result, captures
		}
	}
	return m.otherwise, nil
}

// values are what a map's source may be, so that each of its results is met: its keys, and a text for each expression.
func (m *nginxMap) values() []string {
	var all []string
	for _, key := range m.keys {
		if m.hostnames {
			key, _ = nginxHostFor(key)
		}
		all = append(all, key)
	}
	for _, p := range m.patterns {
		if text, ok := p.expr.example(); ok {
			all = append(all, text)
		}
	}
	return all
}
