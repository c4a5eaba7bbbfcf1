package config

import (
	"path"
	"strings"
)

// nginxFile says what the file or folder is for that a directive names first. Those with own begin at the main file's folder
// where they are relative; see conf.
var nginxFiles = map[string]struct {
	role Role
	own  bool
}{
	"pid": {PIDFile, false}, "load_module": {Data, false}, "working_directory": {Folder, false},
	"root": {Folder, false}, "alias": {Folder, false},
	"client_body_temp_path": {Folder, false}, "proxy_temp_path": {Folder, false}, "fastcgi_temp_path": {Folder, false},
	"uwsgi_temp_path": {Folder, false}, "scgi_temp_path": {Folder, false},
	"proxy_cache_path": {Folder, false}, "fastcgi_cache_path": {Folder, false}, "uwsgi_cache_path": {Folder, false},
	"scgi_cache_path": {Folder, false},
	"ssl_dhparam":     {DHParam, true}, "ssl_session_ticket_key": {TicketKey, true}, "ssl_password_file": {Data, true},
	"ssl_client_certificate": {Authority, true}, "ssl_trusted_certificate": {Authority, true},
	"proxy_ssl_trusted_certificate": {Authority, true}, "grpc_ssl_trusted_certificate": {Authority, true},
	"uwsgi_ssl_trusted_certificate": {Authority, true},
	"ssl_crl":                       {Revoked, true}, "proxy_ssl_crl": {Revoked, true}, "grpc_ssl_crl": {Revoked, true}, "uwsgi_ssl_crl": {Revoked, true},
	"proxy_ssl_password_file": {Data, true}, "grpc_ssl_password_file": {Data, true}, "uwsgi_ssl_password_file": {Data, true},
	"ssl_stapling_file": {Data, true}, "auth_basic_user_file": {Data, true}, "auth_jwt_key_file": {Data, true},
	"geoip_country": {Data, true}, "geoip_city": {Data, true}, "geoip_org": {Data, true}, "geoip2": {Data, true},
	"xslt_stylesheet": {Data, true}, "modsecurity_rules_file": {Data, true}, "js_include": {Data, true},
	"access_by_lua_file": {Data, false}, "content_by_lua_file": {Data, false}, "init_by_lua_file": {Data, false},
	"rewrite_by_lua_file": {Data, false}, "header_filter_by_lua_file": {Data, false}, "log_by_lua_file": {Data, false},
}

// nginxCertificates are the directives of certificates, each with its key's.
var nginxCertificates = map[string]string{
	"ssl_certificate": "ssl_certificate_key", "proxy_ssl_certificate": "proxy_ssl_certificate_key",
	"grpc_ssl_certificate": "grpc_ssl_certificate_key", "uwsgi_ssl_certificate": "uwsgi_ssl_certificate_key",
}

// nginxUses finds the files and folders that a configuration names.
type nginxUses struct {
	h    *nginxHTTP
	uses []Use
	// hosts are names of log servers, which nginx looks up at its start.
	hosts []string
	// managed are names of certificates that nginx gets by itself.
	managed []string
}

// block looks through a block and those within it.
func (u *nginxUses) block(scope *nginxScope) {
	for i, d := range scope.list {
		u.directive(scope, d)
		switch d.name {
		case "map", "geo", "types", "split_clients", "charset_map", "geoip2", "upstream":
		default:
			if len(d.block) > 0 {
				u.block(scope.child(i))
			}
		}
	}
	for certificate, key := range nginxCertificates {
		u.pairs(scope, certificate, key)
	}
}

func (u *nginxUses) directive(scope *nginxScope, d directive) {
	name := d.arg(0)
	if d.name == "js_import" { // js_import [name from] file
		name = d.last()
	}
	switch d.name {
	case "access_log", "error_log":
		u.log(d)
	case "set_real_ip_from", "resolver":
		for _, name := range d.args {
			u.host(name)
		}
	case "acme_certificate":
		u.managed = append(u.managed, u.acme(scope, d)...)
	case "listen":
		if socket, unix := strings.CutPrefix(name, "unix:"); unix {
			u.add(d, path.Dir(socket), SocketFolder)
		}
	case "js_import":
		u.add(d, u.h.conf(name), Data)
	}
	if file, known := nginxFiles[d.name]; known {
		u.file(d, name, file.role, file.own)
	}
}

func (u *nginxUses) add(d directive, file string, role Role) {
	u.uses = append(u.uses, Use{Path: file, Role: role, At: d.at})
}
