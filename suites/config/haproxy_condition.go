package config

import (
	"slices"
	"strings"
)

// haproxyACLs are the named ACLs of a section. Lines with the same name add up (configuration manual, section 7.2).
type haproxyACLs struct {
	byName map[string][]haproxyTest
	files  *Files
	home   string
}

// predefined are the ACLs that need no declaration and that a request decides (section 7.4).
func predefined(name string) []haproxyTest {
	method, isMethod := strings.CutPrefix(name, "METH_")
	switch {
	case isMethod:
		return []haproxyTest{{raw: name, fetch: "method", match: "str", values: []string{method}}}
	case name == "TRUE", name == "HTTP", name == "HTTP_1.1", name == "HTTP_URL_SLASH", name == "REQ_CONTENT", name == "WAIT_END":
		return []haproxyTest{{raw: name, fetch: "true"}}
	case name == "FALSE", name == "HTTP_2.0", name == "HTTP_1.0", name == "HTTP_URL_ABS", name == "HTTP_URL_STAR", name == "HTTP_CONTENT":
		return []haproxyTest{{raw: name, fetch: "false"}}
	}
	return []haproxyTest{{raw: name}}
}

func (h *haproxyReader) acls(s *haproxySection) haproxyACLs {
	all := haproxyACLs{byName: map[string][]haproxyTest{}, files: h.files, home: h.home}
	for _, d := range s.lines {
		if d.name == "acl" && len(d.args) > 1 {
			all.byName[d.args[0]] = append(all.byName[d.args[0]], parseHAProxyTest(d.args[1:], h.files, h.home))
		}
	}
	return all
}

// condition reads what follows if or unless among the words of a rule, and gives the words before it.
func (acls haproxyACLs) condition(words []string) (before []string, c haproxyCondition) {
	i := slices.IndexFunc(words, func(w string) bool { return w == "if" || w == "unless" })
	if i < 0 {
		return words, haproxyCondition{}
	}
	c.unless = words[i] == "unless"
	rest := words[i+1:]
	list, not := []haproxyACL{}, false
	for len(rest) > 0 {
		word := rest[0]
		rest = rest[1:]
		for strings.HasPrefix(word, "!") {
			word, not = word[1:], !not
		}
		switch word {
		case "":
			continue
		case "or", "||":
			c.any, list = append(c.any, list), nil
			continue
		}
		a := haproxyACL{not: not}
		a.tests, rest = acls.tests(word, rest)
		list, not = append(list, a), false
	}
	c.any = append(c.any, list)
	return words[:i], c
}

// tests are those of an anonymous ACL in braces, or of a named one.
func (acls haproxyACLs) tests(word string, rest []string) (tests []haproxyTest, after []string) {
	if word != "{" {
		if tests, known := acls.byName[word]; known {
			return tests, rest
		}
		return predefined(word), rest
	}
	end := slices.Index(rest, "}")
	if end < 0 {
		return []haproxyTest{{}}, nil
	}
	if end == 0 {
		return []haproxyTest{{}}, rest[1:]
	}
	return []haproxyTest{parseHAProxyTest(rest[:end], acls.files, acls.home)}, rest[end+1:]
}
