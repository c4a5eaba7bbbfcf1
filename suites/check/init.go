package check

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/run"
)

// Init writes a project's file for a configuration: what was found in it, each with its place, and what else can be said,
// explained. p holds what the user said already, and folder is where the file will lie.
func Init(p *Project, cfg *config.Config, folder string) ([]byte, error) {
	r := &resolver{Project: p, cfg: cfg}
	if err := r.declare(); err != nil {
		return nil, err
	}
	routes, err := r.routes()
	if err != nil {
		return nil, err
	}
	w := &writer{folder: folder}
	w.subject(p)
	w.entries(p, cfg)
	w.upstreams(r.used())
	w.routes(routes)
	for _, note := range r.notes {
		if !strings.HasPrefix(note, nothingDeclared) {
			w.comment(note)
		}
	}
	w.WriteString(policyText)
	if _, err := decode(filepath.Join(folder, ProjectFile), []byte(w.String())); err != nil {
		return nil, fmt.Errorf("write a project: %w", err)
	}
	return []byte(w.String()), nil
}

// writer writes YAML with comments.
type writer struct {
	strings.Builder
	folder string
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// comment writes a text as comments of at most 100 characters.
func (w *writer) comment(text string) {
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > 100 {
			w.line("%s", line)
			line = "#"
		}
		line += " " + word
	}
	w.line("%s", line)
}

// scalar is a text as YAML, in quotes where it would mean something else without.
func scalar(text string) string {
	var back any
	if err := yaml.Load([]byte("[a: "+text+"]"), &back); err == nil {
		if list, ok := back.([]any); ok && len(list) == 1 {
			if m, ok := list[0].(map[string]any); ok && m["a"] == text {
				return text
			}
		}
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

func scalars(texts []string) string {
	var out []string
	for _, text := range texts {
		out = append(out, scalar(text))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// relative is a path as it is written in the file.
func (w *writer) relative(path string) string {
	abs, err := filepath.Abs(path)
	folder, wrong := filepath.Abs(w.folder)
	if err != nil || wrong != nil {
		return path
	}
	if rel, err := filepath.Rel(folder, abs); err == nil {
		return rel
	}
	return path
}

// place is a position as comments show it.
func (w *writer) place(at config.Position) string {
	if at.File == "" {
		return ""
	}
	at.File = w.relative(at.File)
	return " # " + at.String()
}

func (w *writer) subject(p *Project) {
	w.comment("What gatefault checks here, and what is expected of it: gatefault check in this folder reads it. Each line may be changed, and most may go: what is not said has its default. gatefault check --schema prints the schema.")
	w.line("")
	w.comment("The product: apache, caddy, haproxy or nginx.")
	w.line("gateway: %s", p.Gateway)
	w.comment("Its configuration as you ship it, a file or a folder. It is copied, never written to. Paths are relative to this file's folder.")
	w.line("config: %s", scalar(w.relative(p.Config)))
	w.optional("Image to start it from; default: the product's official one. Instead, binary is a program on this machine.", "image", scalar(p.Image), p.Image != "", "docker.io/library/nginx:1.30")
	if p.Binary != "" {
		w.line("binary: %s", scalar(p.Binary))
	}
	var env []string
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		env = append(env, name+": "+scalar(p.Env[name]))
	}
	w.optional("Environment variables of the gateway.", "env", "{"+strings.Join(env, ", ")+"}", len(env) > 0, "{APP_HOST: app}")
	var mounts []string
	for _, m := range p.Mounts {
		mounts = append(mounts, w.relative(m.Path)+":"+m.At)
	}
	w.optional("Further files and folders that it needs, path:at. Certificates that are not brought are made up.", "mounts", scalars(mounts), len(mounts) > 0, "['./certs:/etc/ssl/private']")
}

// optional writes a key, or shows how it would be written.
func (w *writer) optional(comment, key, value string, given bool, example string) {
	w.comment(comment)
	if given {
		w.line("%s: %s", key, value)
		return
	}
	w.line("#%s: %s", key, example)
}

func (w *writer) entries(p *Project, cfg *config.Config) {
	w.line("")
	w.comment("Where clients come in, for all routes that do not say it themselves. The configuration listens at:")
	for _, e := range cfg.Entries {
		w.line("#   %s%s", entryOf(run.Entry{Port: e.Port, TLS: e.TLS}), strings.Replace(w.place(e.At), " #", ",", 1))
	}
	w.optional("Write here where they come in instead.", "entry", scalar(p.Entry.String()), !p.Entry.IsZero(), "https://example.com:8443")
}

// entryOf is a run's entry as the file has it.
func entryOf(e run.Entry) Entry {
	if e.TLS {
		return Entry{Scheme: "https", Port: e.Port}
	}
	return Entry{Port: e.Port}
}

func (w *writer) upstreams(all []config.Server) {
	w.line("")
	w.comment("Every address that the configuration sends requests to. One that it uses and that is missing here is an error, so that a new one is not overlooked.")
	w.line("upstreams:")
	for _, s := range all {
		w.line("  - %s%s", scalar(s.Key()), w.place(s.At))
	}
}

func (w *writer) routes(all []*PlannedRoute) {
	w.line("")
	w.comment("Ways through the gateway to them. The request has to be answered by the upstream; a path that is cheap and needs no login is best.")
	w.line("routes:")
	for _, r := range all {
		w.line("  - name: %s%s", scalar(r.Name), w.place(r.At))
		w.line("    request: %s", scalar(r.Request.Method+" "+r.Request.Path))
		if len(r.Request.Headers) > 0 {
			w.line("    headers:")
			for _, name := range slices.Sorted(maps.Keys(r.Request.Headers)) {
				w.line("      %s: %s", scalar(name), scalar(r.Request.Headers[name]))
			}
		}
		w.line("    entry: %s", scalar(entryOf(r.Entry).String()))
		if r.Entry.Host != "" {
			w.line("    host: %s", scalar(r.Entry.Host))
		}
		var keys []string
		for _, s := range r.Servers {
			keys = append(keys, s.Key())
		}
		w.line("    upstreams: %s", scalars(keys))
		if r.traits.only != nil {
			w.line("    scenarios: %s # the others run on another route to the same servers", scalars(r.traits.only))
		}
		w.line("    # %s", waits(r.Group))
	}
}

// waits tells how long a gateway waits for a group.
func waits(g *config.Group) string {
	limit := func(name string, is bool, text fmt.Stringer) string {
		if is {
			return name + " " + text.String()
		}
		return name + " for ever"
	}
	text := "The gateway waits: " + limit("to connect", g.Wait.Connect > 0, g.Wait.Connect) + ", " + limit("for an answer", g.Wait.Read > 0, g.Wait.Read)
	if chain, ok := g.Wait.Longest(); ok {
		text += fmt.Sprintf("; with all that it tries at most %s", chain)
	}
	return text + "."
}

// policyText explains what cannot be read from a configuration.
const policyText = `
# Time for the whole check. Default: the longest wait that the timeouts imply, and 30s. With less,
# what takes longer is left out, and it is said what.
#budget: 2m

# What you expect.
policy:
  # What is good enough where nothing else is said below. standard: what the standards ask for.
  # known: also what this version of the product does in any configuration.
  default: known
  # How long your clients wait for an answer.
  patience: 30s
  # How long requests may go on failing when the upstream is well again.
  recovery: 5s
  # What you want instead, of a scenario (or a pattern) or of all scenarios of a cause; the first
  # that fits decides. status is an exact outcome, as reports show it: 502, 502 made, 200 passed,
  # 200 truncated, closed.
  #expect:
  #  - {scenario: 'tcp.*', status: 502, within: 3s, recovery: 1s, maxAttempts: 2}
  #  - {cause: timeout, status: 504 made, within: 12s}
  #  - {scenario: 'body.*', truncation: detectable}
  # What is not to count, why, and the last day on which it does not.
  #ignore:
  #  - {finding: slow-answer, reason: the report takes its time, until: 2027-01-31}

# The least severe finding that fails the check: error, warning or note.
failOn: warning
`
