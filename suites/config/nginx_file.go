package config

import (
	"net/netip"
	"path"
	"slices"
	"strings"
)

// file adds a file or folder that a directive names. A name with variables is not known, and one with a scheme is none.
func (u *nginxUses) file(d directive, name string, role Role, own bool) {
	scheme, _, _ := strings.Cut(name, ":")
	if name == "" || nginxVariable(name) || slices.Contains([]string{"off", "data", "engine", "store"}, scheme) {
		return
	}
	if d.name == "alias" && path.Ext(name) != "" && !strings.HasSuffix(name, "/") {
		role = Data
	}
	if own {
		u.add(d, u.h.conf(name), role)
	} else {
		u.add(d, u.h.prefixed(name), role)
	}
}

// log adds a log file, the folder of log files whose names have variables, or the name of a log server.
// See https://nginx.org/en/docs/http/ngx_http_log_module.html#access_log and https://nginx.org/en/docs/syslog.html.
func (u *nginxUses) log(d directive) {
	name := d.arg(0)
	if server, syslog := strings.CutPrefix(name, "syslog:server="); syslog {
		server, _, _ = strings.Cut(server, ",")
		u.host(server)
		return
	}
	special := name == "" || name == "stderr" || name == "off" && d.name == "access_log"
	if special || strings.HasPrefix(name, "syslog:") || strings.HasPrefix(name, "memory:") || strings.HasPrefix(name, "/dev/") {
		return
	}
	if before, _, variable := strings.Cut(name, "$"); variable {
		u.add(d, u.h.prefixed(path.Dir(before+"x")), Folder)
		return
	}
	u.add(d, u.h.prefixed(name), Log)
}

// host notes the name of a host that nginx looks up at its start. An address with a prefix length is none.
func (u *nginxUses) host(address string) {
	host, _, ok := nginxHostPort(address, 1)
	_, err := netip.ParsePrefix(address)
	if ok && err != nil && !strings.ContainsAny(address, "/=$") && (Server{Host: host}).Kind() == Name && !slices.Contains(u.hosts, host) {
		u.hosts = append(u.hosts, host)
	}
}

// pairs adds the certificates of a block, each with its key.
func (u *nginxUses) pairs(scope *nginxScope, certificate, key string) {
	certificates, keys := scope.own(certificate), scope.all(key)
	for i, d := range certificates {
		file := u.certificateFile(d)
		if file == "" {
			continue
		}
		use := Use{Path: file, Role: Certificate, At: d.at}
		if certificate == "ssl_certificate" {
			use.Names = u.names(scope)
		}
		if i < len(keys) {
			use.Pair = u.certificateFile(keys[i])
		}
		switch use.Pair {
		case file, "":
			use.Role, use.Pair = CertAndKey, ""
		default:
			u.uses = append(u.uses, Use{Path: use.Pair, Role: Key, Pair: file, Names: use.Names, At: keys[i].at})
		}
		u.uses = append(u.uses, use)
	}
}

// certificateFile is the path of a certificate or key; empty when it has variables or is none of a file.
func (u *nginxUses) certificateFile(d directive) string {
	var one nginxUses
	one.h = u.h
	one.file(d, d.arg(0), Certificate, true)
	if len(one.uses) == 0 {
		return ""
	}
	return one.uses[0].Path
}

// names are the names of the servers that use the certificates of a block.
func (u *nginxUses) names(scope *nginxScope) []string {
	var names []string
	for _, s := range u.h.servers {
		o := s.scope
		for o != nil && len(o.own("ssl_certificate")) == 0 {
			o = o.outer
		}
		if o != scope {
			continue
		}
		for _, name := range s.names {
			below, dotted := strings.CutPrefix(name, ".")
			if dotted {
				names = append(names, "*."+below)
			}
			if validHost(strings.TrimPrefix(below, "*.")) && !slices.Contains(names, below) {
				names = append(names, below)
			}
		}
	}
	return names
}

// acme are the names of a certificate that nginx gets from an authority: those given, or the servers' that use it.
// See https://nginx.org/en/docs/http/ngx_http_acme_module.html#acme_certificate.
func (u *nginxUses) acme(scope *nginxScope, d directive) []string {
	var names []string
	for _, name := range d.args[min(1, len(d.args)):] {
		if !strings.Contains(name, "=") && validHost(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		names = u.names(scope)
	}
	return names
}

// errorPages adds the files that error_page leads to: without them nginx answers with another status.
func (u *nginxUses) errorPages() {
	for _, s := range u.h.servers {
		s.each(func(l *nginxLocation) {
			for _, d := range l.scope.all("error_page") {
				u.errorPage(s, d)
			}
		})
	}
}

func (u *nginxUses) errorPage(s *nginxServer, d directive) {
	page, _, _ := strings.Cut(d.last(), "?")
	if !strings.HasPrefix(page, "/") || nginxVariable(page) {
		return
	}
	place, _ := s.find(page)
	if place == nil {
		return
	}
	w := u.h.at(s, place, page)
	if _, passed := w.pass(); passed || len(place.scope.own("return"))+len(place.scope.own("rewrite")) > 0 {
		return
	}
	if file := w.file(page); file != "" {
		u.add(d, file, Data)
	}
}
