package config

import (
	"path"
	"slices"
	"strings"
)

// nginxFiles are directives that name a file or folder first, by what it is for. Those of own begin at the main file's folder where
// they are relative; see conf.
var nginxFiles = []struct {
	role       Role
	own        bool
	directives string
}{
	{PIDFile, false, "pid"},
	{Folder, false, "root alias working_directory"},
	{Folder, false, "client_body_temp_path proxy_temp_path fastcgi_temp_path uwsgi_temp_path scgi_temp_path"},
	{Folder, false, "proxy_cache_path fastcgi_cache_path uwsgi_cache_path scgi_cache_path"},
	{DHParam, true, "ssl_dhparam"},
	{TicketKey, true, "ssl_session_ticket_key"},
	{Authority, true, "ssl_client_certificate ssl_trusted_certificate"},
	{Authority, true, "proxy_ssl_trusted_certificate grpc_ssl_trusted_certificate uwsgi_ssl_trusted_certificate"},
	{Revoked, true, "ssl_crl proxy_ssl_crl grpc_ssl_crl uwsgi_ssl_crl"},
	{Data, true, "ssl_password_file proxy_ssl_password_file grpc_ssl_password_file uwsgi_ssl_password_file ssl_stapling_file"},
	{Data, true, "auth_basic_user_file auth_jwt_key_file geoip_country geoip_city geoip_org geoip2 xslt_stylesheet"},
	{Data, true, "modsecurity_rules_file js_include js_import"},
	{Data, false, "load_module init_by_lua_file access_by_lua_file content_by_lua_file rewrite_by_lua_file"},
	{Data, false, "header_filter_by_lua_file body_filter_by_lua_file log_by_lua_file"},
}

// nginxCertificates are the families of directives that name certificates: FAMILYssl_certificate and FAMILYssl_certificate_key.
var nginxCertificates = []string{"", "proxy_", "grpc_", "uwsgi_"}

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
	for _, family := range nginxCertificates {
		u.pairs(scope, family+"ssl_certificate", family+"ssl_certificate_key")
	}
}

func (u *nginxUses) directive(scope *nginxScope, d directive) {
	name := d.arg(0)
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
	case "js_import": // js_import [name from] file
		name = d.last()
	}
	for _, file := range nginxFiles {
		if slices.Contains(strings.Fields(file.directives), d.name) {
			u.file(d, name, file.role, file.own)
		}
	}
}

func (u *nginxUses) add(d directive, file string, role Role) {
	u.uses = append(u.uses, Use{Path: file, Role: role, At: d.at})
}
