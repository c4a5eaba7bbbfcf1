package config

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// apacheParser makes a tree of directives: names in small letters, what is included in its place, sections as blocks.
type apacheParser struct {
	files   *Files
	env     map[string]string
	envvars map[string]string // of the file beside the main one
	defined map[string]bool   // by Define
	root    string            // ServerRoot
	loaded  map[string]bool
	macros  map[string]apacheMacro
	missing []Missing
	taken   int
}

// apacheMacro is a <Macro> of mod_macro.
type apacheMacro struct {
	parameters []string
	lines      []apacheLine
}

// apacheBuiltIn are modules that no LoadModule needs to name, in Debian's and in the official build.
var apacheBuiltIn = []string{
	"core.c", "mod_so.c", "so_module", "http_core.c", "mod_watchdog.c", "watchdog_module", "mod_log_config.c", "log_config_module",
	"mod_logio.c", "logio_module", "mod_version.c", "version_module", "mod_unixd.c", "unixd_module",
}

// file reads a file in the gateway's eyes.
func (p *apacheParser) file(at string, depth int) ([]directive, error) {
	text, err := p.files.Read(at)
	if err != nil {
		return nil, err
	}
	user, _ := p.files.User(at)
	return p.lines(apacheLines(text, user), depth)
}

// maxDirectives bounds what includes of includes and macros may amount to.
const maxDirectives = 200_000

func (p *apacheParser) lines(lines []apacheLine, depth int) ([]directive, error) {
	var all []directive
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if p.taken++; p.taken > maxDirectives || depth > maxDepth {
			return nil, errors.New(line.at.String() + ": the configuration never ends: does a file or a macro use itself?")
		}
		if strings.HasPrefix(line.text, "</") {
			continue
		}
		if !strings.HasPrefix(line.text, "<") {
			inside, err := p.directive(line, depth)
			if err != nil {
				return nil, err
			}
			all = append(all, inside...)
			continue
		}
		end := endOfSection(lines, i)
		inside, err := p.section(line, lines[i+1:end], depth)
		if err != nil {
			return nil, err
		}
		all = append(all, inside...)
		i = end
	}
	return all, nil
}

// sectionName is the name of a section in small letters.
func sectionName(text string) string {
	name := strings.TrimLeft(text, "</")
	if end := strings.IndexAny(name, " \t>"); end >= 0 {
		name = name[:end]
	}
	return strings.ToLower(name)
}

// endOfSection is the index of the line that closes the section which begins at i; one that never ends takes the rest.
func endOfSection(lines []apacheLine, i int) int {
	name, open := sectionName(lines[i].text), 0
	for ; i < len(lines); i++ {
		if !strings.HasPrefix(lines[i].text, "<") || sectionName(lines[i].text) != name {
			continue
		}
		if !strings.HasPrefix(lines[i].text, "</") {
			open++
		} else if open--; open == 0 {
			return i
		}
	}
	return len(lines)
}

// section takes in a section; one that is a condition is replaced by what stands in it, or by nothing.
func (p *apacheParser) section(line apacheLine, inside []apacheLine, depth int) ([]directive, error) {
	name := sectionName(line.text)
	text := strings.TrimSpace(line.text[min(len(line.text), 1+len(name)):])
	args := apacheWords(apacheEnv(strings.TrimSuffix(text, ">"), p.env))
	if name == "macro" && len(args) > 0 {
		p.macros[strings.ToLower(args[0])] = apacheMacro{parameters: args[1:], lines: inside}
		return nil, nil
	}
	if holds, conditional := p.condition(name, args); conditional {
		if !holds {
			return nil, nil
		}
		return p.lines(inside, depth+1)
	}
	block, err := p.lines(inside, depth+1)
	return []directive{{name: "<" + name, args: args, block: block, at: line.at}}, err
}

// condition decides the sections that are read or not when Apache starts. A module counts as there until a LoadModule tells
// which ones are.
func (p *apacheParser) condition(name string, args []string) (holds, conditional bool) {
	arg := strings.Join(args, " ")
	wanted, not := strings.CutPrefix(arg, "!")
	switch name {
	case "ifmodule":
		holds = len(p.loaded) == 0 || p.loaded[wanted] || slices.Contains(apacheBuiltIn, wanted)
	case "ifdefine":
		holds = p.defined[wanted]
	case "iffile":
		holds = p.files.Has(absolute(p.root, wanted))
	case "ifversion":
		holds = !strings.HasPrefix(wanted, "<") && !strings.HasPrefix(wanted, "2.2") && !strings.HasPrefix(wanted, "= 2.2")
	case "ifdirective", "ifsection":
		holds = true
	default:
		return false, false
	}
	return holds != not, true
}

// directive takes in one line, and follows it where it is an instruction to the reader.
func (p *apacheParser) directive(line apacheLine, depth int) ([]directive, error) {
	words := apacheWords(apacheEnv(line.text, p.env))
	d := directive{name: strings.ToLower(words[0]), args: words[1:], at: line.at}
	switch d.name {
	case "define":
		p.env[d.arg(0)], p.defined[d.arg(0)] = d.arg(1), true
		return nil, nil
	case "undefine":
		delete(p.env, d.arg(0))
		delete(p.defined, d.arg(0))
		return nil, nil
	case "serverroot":
		p.root = absolute("/", d.arg(0))
	case "loadmodule":
		p.loaded[d.arg(0)] = true
		p.loaded[strings.TrimSuffix(path.Base(d.arg(1)), ".so")+".c"] = true
	case "include", "includeoptional":
		if len(d.args) == 0 {
			return nil, nil
		}
		return p.include(d, depth)
	case "use":
		return p.use(d, depth)
	}
	return []directive{d}, nil
}

// include reads a file, the files that a pattern matches, or all files of a folder
// (https://httpd.apache.org/docs/2.4/mod/core.html#include).
func (p *apacheParser) include(d directive, depth int) ([]directive, error) {
	at := absolute(p.root, d.args[0])
	found := []string{at}
	if _, folder := p.files.dirs[at]; folder {
		found = p.below(at)
	} else if strings.ContainsAny(at, "*?[") {
		found = p.matching(at)
		if len(found) == 0 && d.name == "include" {
			found = []string{at}
		}
	}
	var all []directive
	for _, file := range found {
		inside, err := p.file(file, depth+1)
		if errors.Is(err, fs.ErrNotExist) {
			all = append(all, p.gone(d, file)...)
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, inside...)
	}
	return all, nil
}

// gone notes a file that is not there, and reads what stands in for it. A link of Debian's mods-enabled leads to a file of the image: its name tells the module.
func (p *apacheParser) gone(d directive, file string) []directive {
	if name, link := strings.CutSuffix(path.Base(file), ".load"); link {
		p.loaded[name+"_module"], p.loaded["mod_"+name+".c"] = true, true
	}
	if d.name == "include" {
		p.missing = append(p.missing, missing(file, d.at))
		if file == certbotApache {
			return []directive{{name: "sslengine", args: []string{"on"}, at: d.at}}
		}
	}
	return nil
}

// below lists the files in a folder and in the folders in it.
func (p *apacheParser) below(folder string) []string {
	var found []string
	for at := range p.files.All() {
		if strings.HasPrefix(at, folder+"/") {
			found = append(found, at)
		}
	}
	return found
}

// matching lists what a pattern matches; of folders, what is in them.
func (p *apacheParser) matching(pattern string) []string {
	found := p.files.Glob(pattern)
	for at := range p.files.Folders() {
		if ok, err := path.Match(pattern, at); ok && err == nil {
			found = append(found, p.below(at)...)
		}
	}
	slices.Sort(found)
	return found
}

// use puts a macro's lines in the place of its name (https://httpd.apache.org/docs/2.4/mod/mod_macro.html).
func (p *apacheParser) use(d directive, depth int) ([]directive, error) {
	m, known := p.macros[strings.ToLower(d.arg(0))]
	if !known || len(d.args)-1 != len(m.parameters) {
		return nil, nil
	}
	var pairs []string
	for i, name := range m.parameters {
		pairs = append(pairs, name, d.args[1+i])
	}
	fill := strings.NewReplacer(pairs...)
	lines := slices.Clone(m.lines)
	for i := range lines {
		lines[i].text = fill.Replace(lines[i].text)
	}
	return p.lines(lines, depth+1)
}
