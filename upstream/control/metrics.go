package control

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"github.com/gatefault/gatefault/upstream/fault"
)

// metrics answers in Prometheus's text format, version 0.0.4. The upstream is read when it is scraped, so that serving requests
// costs nothing more. Prometheus's own library would be a tenth of the program.
func (a *api) metrics(w http.ResponseWriter, _ *http.Request) (any, error) {
	var m exposition
	endpoints := a.up.Endpoints()
	m.family("endpoints", "gauge", "Endpoints that are open.")
	m.sample("", "", uint64(len(endpoints)))
	m.family("connections_open", "gauge", "Connections that are open.")
	for _, ep := range endpoints {
		open, _ := ep.Counts()
		m.sample("endpoint", ep.ID(), uint64(open))
	}
	m.family("requests_total", "counter", "Requests whose head was read.")
	for _, ep := range endpoints {
		_, requests := ep.Counts()
		m.sample("endpoint", ep.ID(), requests)
	}
	m.family("faults_fired_total", "counter", "How often each fault fired; for armed ones, connection attempts counted by the kernel when disarmed.")
	fired := a.up.Journal().Fired()
	for _, f := range fault.All() {
		m.sample("fault", f.Name, fired[f.Name])
	}
	m.sample("fault", "script", fired["script"])
	m.family("journal_last_seq", "gauge", "Sequence number of the newest journal event.")
	m.sample("", "", a.up.Journal().Last())
	m.family("event_streams_open", "gauge", "Event streams of the control API that are open.")
	m.sample("", "", uint64(len(a.viewers)))
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(m.text.Bytes())
	return nil, nil
}

// exposition is text in Prometheus's format
// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
type exposition struct {
	text bytes.Buffer
	name string // of the family under way
}

func (m *exposition) family(name, kind, help string) {
	m.name = "gatefault_" + name
	fmt.Fprintf(&m.text, "# HELP %[1]s %[2]s\n# TYPE %[1]s %[3]s\n", m.name, help, kind)
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// sample adds a value of the family; no label has an empty name.
func (m *exposition) sample(label, is string, value uint64) {
	m.text.WriteString(m.name)
	if label != "" {
		fmt.Fprintf(&m.text, `{%s="%s"}`, label, escapeLabel.Replace(is))
	}
	fmt.Fprintf(&m.text, " %d\n", value)
}
