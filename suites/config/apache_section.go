package config

import (
	"path"
	"regexp"
	"strings"
)

// apacheSection is a section for some paths with what stands in it.
type apacheSection struct {
	kind    string // location, files, directory, if, proxy
	pattern string
	regexp  bool
	list    []directive
	at      Position
}

// sections are the sections of a list, and those within them with the ones around.
func sections(list []directive, around []apacheSection, found func(chain []apacheSection)) {
	for _, d := range list {
		kind, section := strings.CutPrefix(d.name, "<")
		if !section || len(around) > maxDepth {
			continue
		}
		s := apacheSection{kind: strings.TrimSuffix(kind, "match"), regexp: strings.HasSuffix(kind, "match"), pattern: d.arg(0), list: d.block, at: d.at}
		if s.pattern == "~" {
			s.pattern, s.regexp = d.arg(1), true
		}
		chain := append(around[:len(around):len(around)], s)
		found(chain)
		sections(d.block, chain, found)
	}
}

// holds tells whether a section is one for a path (the manual, sections.html).
func (s apacheSection) holds(at string) truth {
	switch {
	case s.regexp:
		re, err := regexp.Compile(s.pattern)
		if err != nil {
			return unknown
		}
		if s.kind == "files" {
			at = path.Base(at)
		}
		return truthOf(re.MatchString(at))
	case s.kind == "location":
		return truthOf(locationMatches(at, s.pattern))
	case s.kind == "files":
		return truthOf(aliasMatches(path.Base(at), s.pattern))
	case s.kind == "directory":
		return yes // of the document root, for all that is known
	}
	return unknown
}

// locationMatches: a path, and what lies below it; wildcards do not match a slash.
func locationMatches(at, pattern string) bool {
	if strings.ContainsAny(pattern, "*?") {
		for ; ; at = path.Dir(at) {
			if ok, err := path.Match(pattern, at); ok && err == nil {
				return true
			}
			if at == "/" || at == "." {
				return false
			}
		}
	}
	return aliasPrefix(at, pattern)
}

// aliasPrefix tells whether a path begins with another one, up to the end of a segment (alias_match in
// modules/proxy/mod_proxy.c).
func aliasPrefix(at, prefix string) bool {
	rest, found := strings.CutPrefix(at, prefix)
	return found && (rest == "" || strings.HasSuffix(prefix, "/") || strings.HasPrefix(rest, "/"))
}

// examples are paths for which all sections of a chain may hold.
func examples(chain []apacheSection) []string {
	base := "/"
	for _, s := range chain {
		if s.kind == "location" && !s.regexp {
			base = strings.NewReplacer("*", "a", "?", "a").Replace(s.pattern)
		}
	}
	all := []string{base, strings.TrimSuffix(base, "/") + "/index.php"}
	for _, s := range chain {
		switch {
		case s.regexp && s.kind == "location":
			if text, ok := matchingPath(s.pattern); ok {
				all = append(all, text)
			}
		case s.regexp:
			if text, ok := matching(s.pattern); ok {
				all = append(all, strings.TrimSuffix(base, "/")+"/index"+text)
			}
		case s.kind == "files":
			all = append(all, strings.TrimSuffix(base, "/")+"/"+strings.ReplaceAll(s.pattern, "*", "index"))
		}
	}
	return all
}

func chainHolds(chain []apacheSection, at string) truth {
	result := yes
	for _, s := range chain {
		result = min(result, s.holds(at))
	}
	return result
}
