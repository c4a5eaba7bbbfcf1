package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// Where the examples' endpoint and name server are.
const (
	exampleAddress = "127.0.0.1:8080"
	exampleEgress  = "192.0.2.1:8080"
	exampleDNS     = "127.0.0.1:9553"
	exampleSockets = "/tmp/gatefault"
)

// exampleOf says how to see the fault; uses are the scenarios that have it.
func exampleOf(f *fault.Fault, uses []*scenarios.Scenario) []string {
	if f.Level == fault.Beyond {
		return []string{"gatefault run -s " + f.Name}
	}
	there := "# in another terminal:"
	if f.Needing(fault.NetAdmin) || f.Needing(fault.Memory) {
		there = "# in another terminal, in the same container or namespace:"
	}
	steps := append(stageOf(f), there, strings.Join(append([]string{"gatefault inject app", f.Name}, assignments(f)...), " "))
	steps = append(steps, meeting(f, uses)...)
	return append(steps, "gatefault journal", "gatefault clear")
}

// stageOf says what to start so that an endpoint can do the fault.
func stageOf(f *fault.Fault) []string {
	serve := "gatefault upstream --listen app=" + exampleAddress
	if f.Needing(fault.Egress) {
		serve = "gatefault upstream --listen app=" + exampleEgress + " --kind egress"
	}
	if f.Needing(fault.Process) {
		serve += " --kind process"
	}
	if f.Protocol != "" {
		serve += " --protocol " + f.Protocol
	}
	if f.Needing(fault.NameServer) {
		serve += " --dns " + exampleDNS
	}
	switch {
	case f.Needing(fault.Socket):
		return []string{"mkdir -p " + exampleSockets, serve + " --sockets " + exampleSockets}
	case f.Needing(fault.Memory):
		return []string{"# in a container with a limit, such as docker run --memory 64m:", serve}
	case f.Needing(fault.NetAdmin):
		return []string{"# in a container with --cap-add NET_ADMIN, or in a network namespace of its own:",
			"# unshare -rn, and there: ip link set lo up", serve + " --own-netns"}
	}
	return []string{serve}
}

// briefly is curl that tells in one line what came.
const briefly = `curl -sS -m 10 -o /dev/null -w '%{http_code} after %{time_total} s\n' `

// meeting says how a client meets the fault.
func meeting(f *fault.Fault, uses []*scenarios.Scenario) []string {
	url := "http://" + exampleAddress + "/"
	switch {
	case f.Needing(fault.NameServer):
		return []string{fmt.Sprintf("dig @%s app.%s", strings.Replace(exampleDNS, ":", " -p ", 1), upstream.Zone)}
	case f.Needing(fault.Egress):
		url = "http://" + exampleEgress + "/"
	case f.Arm == fault.DenySocket:
		return []string{"# root may connect all the same; as another user:", "curl -v --unix-socket " + exampleSockets + "/app.sock http://app/"}
	case f.Needing(fault.Socket):
		return []string{"curl -v --unix-socket " + exampleSockets + "/app.sock http://app/"}
	case f.Protocol == string(upstream.FastCGI):
		return []string{"# every FastCGI client of " + exampleAddress + " now meets it; this shows gateways that do:", "gatefault run -s " + f.Name}
	case f.Layer() == "load":
		return []string{"seq 8 | xargs -P 8 -I{} " + briefly + url}
	case f.Layer() == "process" && slices.ContainsFunc(uses, func(s *scenarios.Scenario) bool { return s.Traffic != nil }):
		return []string{"for i in $(seq 30); do " + briefly + url + "; sleep 0.1; done"}
	case f.Layer() == "conn":
		url += " " + url // over one connection
	}
	return overHTTP(f, url, uses)
}

// overHTTP is curl with the request of the fault's own scenario.
func overHTTP(f *fault.Fault, url string, uses []*scenarios.Scenario) []string {
	curl, prior := "curl -v -m 10", []string(nil)
	switch {
	case f.Layer() == "config":
	case f.Protocol == string(upstream.OverTLS):
		curl, url = curl+" --cacert ca.pem", strings.Replace(url, "http:", "https:", 1)
		prior = []string{"curl -s http://127.0.0.1:9500/api/v1/ca > ca.pem"}
	case f.Protocol == string(upstream.HTTP2):
		curl += " --http2-prior-knowledge"
	}
	for _, s := range uses {
		if s.ID == f.Name {
			curl = asRequested(curl, s.Request)
		}
	}
	return append(prior, curl+" "+url)
}

// asRequested adds the method, fields and body of a scenario's request.
func asRequested(curl string, r scenarios.Request) string {
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		curl += " -H " + quote(name+": "+r.Headers[name])
	}
	switch n := len(r.Content()); {
	case r.BodySize > 0, strings.ContainsRune(r.Body, 0): // no shell takes NUL
		return fmt.Sprintf("head -c %d /dev/zero | %s --data-binary @-", n, curl)
	case n > 0:
		return curl + " --data-binary " + quote(r.Body)
	case r.Method != "GET":
		return curl + " -X " + r.Method
	}
	return curl
}
