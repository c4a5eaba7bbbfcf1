package config

import (
	"slices"
	"strings"
	"time"
)

// addNginxStreams adds where connections of no known protocol come in and go to. No route leads through them.
func (c *Config) addNginxStreams(h *nginxHTTP) {
	for i, d := range h.main.list {
		if d.name != "stream" {
			continue
		}
		s := &nginxStream{h: h, c: c, scope: h.main.child(i), upstreams: map[string]*nginxUpstream{}}
		s.read()
	}
}

type nginxStream struct {
	h         *nginxHTTP
	c         *Config
	scope     *nginxScope
	upstreams map[string]*nginxUpstream
}

func (s *nginxStream) read() {
	of := &nginxHTTP{upstreams: s.upstreams}
	for i, d := range s.scope.list {
		if d.name == "upstream" && len(d.args) > 0 {
			of.addUpstream(d, s.scope.child(i))
		}
	}
	for i, d := range s.scope.list {
		if d.name == "server" {
			s.server(s.scope.child(i))
		}
	}
	for _, key := range of.order {
		s.group(s.upstreams[key], s.scope)
	}
}

func (s *nginxStream) server(scope *nginxScope) {
	for _, d := range scope.own("listen") {
		for _, l := range nginxListens(d) {
			s.c.Entries = append(s.c.Entries, l.entry)
		}
	}
	for _, pass := range scope.own("proxy_pass") {
		up := s.upstreams[strings.ToLower(pass.arg(0))]
		if up == nil {
			server, ok := nginxServerAddress(pass.arg(0))
			if !ok || nginxVariable(pass.arg(0)) {
				continue
			}
			server.At = pass.at
			up = &nginxUpstream{name: server.Key(), servers: []Server{server}, at: pass.at}
		}
		s.group(up, scope)
	}
}

// group adds a group, unless it is there or it is nginx itself that listens there. For its timeouts see
// https://nginx.org/en/docs/stream/ngx_stream_proxy_module.html#proxy_connect_timeout and #proxy_timeout.
func (s *nginxStream) group(up *nginxUpstream, scope *nginxScope) {
	servers := slices.DeleteFunc(slices.Clone(up.servers), func(server Server) bool {
		_, itself := s.h.itself(server)
		return itself
	})
	there := slices.ContainsFunc(s.c.Groups, func(g Group) bool { return g.At == up.at })
	if len(servers) == 0 || there {
		return
	}
	wait := Wait{
		Connect: scope.wait("proxy_connect_timeout", time.Minute), Read: scope.wait("proxy_timeout", 10*time.Minute), Tries: len(servers),
	}
	s.c.Groups = append(s.c.Groups, Group{Name: up.name, Servers: servers, Wait: wait, At: up.at})
}
