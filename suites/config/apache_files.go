package config

import (
	"path"
	"strings"
)

// apacheFiles are directives whose first argument is a file or folder.
var apacheFiles = map[string]Role{
	"documentroot": Folder, "defaultruntimedir": Folder, "cacheroot": Folder, "coredumpdirectory": Folder,
	"pidfile": PIDFile, "errorlog": Log, "customlog": Log, "transferlog": Log, "forensiclog": Log, "rewritelog": Log, "sslkeylogfile": Log,
	"sslcertificatechainfile": Certificate, "sslcacertificatefile": Authority, "sslcacertificatepath": Authorities,
	"sslproxycacertificatefile": Authority, "sslproxycacertificatepath": Authorities, "sslcadnrequestfile": Authority,
	"sslproxymachinecertificatefile": CertAndKey, "sslcarevocationfile": Revoked, "sslproxycarevocationfile": Revoked,
	"sslsessionticketkeyfile": TicketKey, "authuserfile": Data, "authgroupfile": Data, "typesconfig": Data, "mimemagicfile": Data,
	"jkworkersfile": Data, "loadfile": Module,
}

// uses gathers the files that directives name, in sections as well.
func (a *apacheReader) uses(list []directive, depth int) {
	for _, d := range list {
		if depth < maxDepth {
			a.uses(d.block, depth+1)
		}
		if d.name == "<virtualhost" {
			a.certificates(d.block, hostNames(&apacheServer{list: d.block}))
		}
		a.directiveUses(d)
	}
	if depth > 0 {
		return
	}
	a.certificates(list, a.main.names)
	if _, named := a.main.last("errorlog"); !named {
		file, _ := a.files.User(a.files.Main())
		a.use(Log, "logs/error_log", Position{File: file}) // DEFAULT_ERRORLOG in include/httpd.h
	}
}

func (a *apacheReader) use(role Role, file string, at Position) *Use {
	a.config.Uses = append(a.config.Uses, Use{Path: absolute(a.root, file), Role: role, At: at})
	return &a.config.Uses[len(a.config.Uses)-1]
}

func (a *apacheReader) directiveUses(d directive) {
	role, named := apacheFiles[d.name]
	if named && namesFile(d.arg(0)) {
		a.use(role, d.args[0], d.at)
	}
	switch d.name {
	case "loadmodule":
		if namesFile(d.arg(1)) {
			a.use(Module, d.args[1], d.at)
		}
	case "mutex", "sslsessioncache", "sslstaplingcache":
		a.folderOf(d)
	case "rewritemap":
		if kind, file, ok := strings.Cut(d.arg(1), ":"); ok && (kind == "txt" || kind == "rnd" || kind == "dbm") && namesFile(file) {
			a.use(Data, file, d.at)
		}
	case "sslopensslconfcmd":
		if strings.EqualFold(d.arg(0), "DHParameters") && namesFile(d.arg(1)) {
			a.use(DHParam, d.args[1], d.at)
		}
	case "user", "group":
		if namesFile(d.arg(0)) && !strings.HasPrefix(d.arg(0), "#") {
			a.config.Accounts = append(a.config.Accounts, Account{Name: d.args[0], Group: d.name == "group", At: d.at})
		}
	}
}

// namesFile is false for what is no file: a program behind |, syslog, a variable that is not known.
func namesFile(text string) bool {
	return text != "" && text[0] != '|' && !strings.Contains(text, "${") && !strings.HasPrefix(text, "syslog") && text != "none"
}

// folderOf takes in the folder of shmcb:/run/apache2/cache(512000) and file:/run/lock.
func (a *apacheReader) folderOf(d directive) {
	kind, file, found := strings.Cut(d.arg(0), ":")
	file, _, _ = strings.Cut(file, "(")
	switch {
	case !found || !namesFile(file):
	case d.name == "mutex":
		a.use(Folder, file, d.at)
	case kind != "memcache" && kind != "redis":
		a.use(Folder, path.Dir(absolute(a.root, file)), d.at)
	}
}

// certificates pairs the certificates of a server with their keys: the n-th one with the n-th, or in one file
// (the manual, mod_ssl, SSLCertificateFile).
func (a *apacheReader) certificates(list []directive, names []string) {
	var certificates, keys []directive
	for _, d := range list {
		switch {
		case d.name == "sslcertificatefile" && namesFile(d.arg(0)):
			certificates = append(certificates, d)
		case d.name == "sslcertificatekeyfile" && namesFile(d.arg(0)):
			keys = append(keys, d)
		}
	}
	for i, d := range certificates {
		if i >= len(keys) {
			a.use(CertAndKey, d.args[0], d.at).Names = names
			continue
		}
		u := a.use(Certificate, d.args[0], d.at)
		u.Names, u.Pair = names, absolute(a.root, keys[i].args[0])
		a.use(Key, keys[i].args[0], keys[i].at).Pair = u.Path
	}
}
