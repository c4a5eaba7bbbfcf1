package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// nginxParser makes a tree of directives of the main file and what it includes.
type nginxParser struct {
	files   *Files
	missing []Missing
	depth   int
}

// file parses one file, by its path in nginx's eyes.
func (p *nginxParser) file(at, text string) ([]directive, error) {
	user, _ := p.files.User(at)
	var all []directive
	for l := (&nginxLexer{text: text, line: 1}); l.pos < len(l.text); {
		found, err := p.block(l, user)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// block parses up to the closing brace or the end of the file.
func (p *nginxParser) block(l *nginxLexer, user string) ([]directive, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("%s:%d: blocks and includes are nested more than %d deep: does a file include itself?", user, l.line, maxDepth)
	}
	defer func() { p.depth-- }()
	all := []directive{}
	for {
		s := l.next()
		if len(s.words) > 0 {
			found, err := p.statement(l, s, user)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
		if s.end == 0 || s.end == '}' {
			return all, nil
		}
	}
}

func (p *nginxParser) statement(l *nginxLexer, s nginxStatement, user string) ([]directive, error) {
	d := directive{name: s.words[0], args: s.words[1:], at: Position{File: user, Line: s.line}}
	if d.name == "include" && len(d.args) > 0 && s.end != '{' {
		return p.include(d)
	}
	var err error
	switch {
	case s.end == '{' && strings.HasSuffix(d.name, "_by_lua_block"):
		l.lua()
	case s.end == '{':
		d.block, err = p.block(l, user)
	}
	return []directive{d}, err
}

// include puts what a file says in the place of the include. A relative path begins at the main file's folder:
// https://nginx.org/en/docs/ngx_core_module.html#include, conf_prefix in src/core/ngx_cycle.c.
func (p *nginxParser) include(d directive) ([]directive, error) {
	at := absolute(path.Dir(p.files.Main()), d.args[0])
	found := []string{at}
	if strings.ContainsAny(at, "*?[") {
		found = p.files.Glob(at)
	}
	var all []directive
	for _, at := range found {
		text, err := p.files.Read(at)
		if errors.Is(err, fs.ErrNotExist) {
			p.missing = append(p.missing, missing(at, d.at))
			continue
		}
		if err != nil {
			return nil, err
		}
		inside, err := p.file(at, text)
		if err != nil {
			return nil, err
		}
		all = append(all, inside...)
	}
	return all, nil
}

// absolute makes a path absolute that may be relative to a folder.
func absolute(folder, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(folder, name)
}
