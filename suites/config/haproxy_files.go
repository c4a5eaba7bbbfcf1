package config

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// haproxyUses gathers the files of sections.
type haproxyUses struct {
	*haproxyReader
	certificates string // folder of relative ones
	authorities  string
}

func (h *haproxyReader) uses() {
	u := haproxyUses{h, absolute(h.home, h.global.value("crt-base", "")), absolute(h.home, h.global.value("ca-base", ""))}
	for _, s := range h.all {
		if s.kind == "defaults" {
			continue // its lines stand in those that take them over
		}
		names := h.hostsOf(s)
		for _, d := range s.lines {
			u.line(s, d, names)
		}
	}
}

func (u haproxyUses) add(role Role, file string, at Position) *Use {
	u.config.Uses = append(u.config.Uses, Use{Path: absolute(u.home, file), Role: role, At: at})
	return &u.config.Uses[len(u.config.Uses)-1]
}

// haproxyFileLines are the lines whose first argument is a file or folder.
var haproxyFileLines = map[string]Role{
	"chroot": Folder, "pidfile": PIDFile, "lua-load": Data, "lua-load-per-thread": Data, "ssl-dh-param-file": DHParam,
	"issuers-chain-path": Folder,
}

func (u haproxyUses) line(s *haproxySection, d directive, names []string) {
	if role, ok := haproxyFileLines[d.name]; ok && len(d.args) > 0 {
		u.add(role, d.args[0], d.at)
	}
	switch d.name {
	case "bind":
		u.bind(d, names)
	case "server", "default-server", "server-template":
		u.server(d)
		u.host(s, d)
	case "peer", "mailer", "log":
		u.host(s, d)
	case "stats":
		u.stats(d)
	case "user", "group":
		u.accounts(s, d)
	case "load":
		u.load(s, d)
	case "errorfile":
		u.errorfile(d.arg(0), d.arg(1), d.at)
	case "filter", "acl", "use_backend", "http-request", "http-response", "http-after-response", "tcp-request":
		u.arguments(d)
	}
}

// bind takes in certificates, authorities and the folder of a socket.
func (u haproxyUses) bind(d directive, names []string) {
	for _, a := range u.addresses(d) {
		if a.socket != "" {
			u.add(SocketFolder, path.Dir(a.socket), d.at)
		}
	}
	if len(d.args) == 0 {
		return
	}
	for _, o := range parseHAProxyOptions(d.args[1:]) {
		switch o.name {
		case "crt":
			u.certificate(o.value, names, d.at)
		case "crt-list":
			u.list(o.value, names, d.at)
		}
		u.authority(o, d.at)
	}
}

func (u haproxyUses) server(d directive) {
	for _, o := range parseHAProxyOptions(d.args) {
		if o.name == "crt" {
			u.certificate(o.value, nil, d.at)
		}
		u.authority(o, d.at)
	}
}

var haproxyAuthorities = map[string]Role{"ca-file": Authority, "ca-verify-file": Authority, "crl-file": Revoked}

func (u haproxyUses) authority(o haproxyOption, at Position) {
	role, known := haproxyAuthorities[o.name]
	if known && o.value != "" && !strings.HasPrefix(o.value, "@") {
		u.add(role, absolute(u.authorities, o.value), at)
	}
}

// certificate takes in a file with certificate and key, or a folder of such: of an empty one, or one that the user did not
// bring, a file in it.
func (u haproxyUses) certificate(file string, names []string, at Position) {
	if file == "" || strings.HasPrefix(file, "@") {
		return
	}
	at2 := absolute(u.certificates, file)
	if u.folder(file, at2) {
		if len(u.files.Glob(at2+"/*")) > 0 {
			return
		}
		at2 += "/gatefault.pem"
	}
	u.add(CertAndKey, at2, at).Names = names
}

// folder tells whether a path is one of a folder, by its form where the user did not bring it.
func (u haproxyUses) folder(written, at string) bool {
	if _, file := u.files.byPath[at]; file {
		return false
	}
	return u.files.Has(at) || strings.HasSuffix(written, "/") || path.Ext(written) == ""
}

// list follows a list of certificates: a file, options in brackets and host names on each line (configuration manual,
// section 5.1, "crt-list").
func (u haproxyUses) list(file string, names []string, at Position) {
	file = absolute(u.home, file)
	if !u.files.Has(file) {
		u.config.Missing = append(u.config.Missing, Missing{Path: file, At: at})
		return
	}
	for _, words := range linesOf(u.files, file) {
		hosts := slices.Clone(names)
		for _, word := range words[1:] {
			if strings.Contains(word, ".") && !strings.ContainsAny(word, "[]!/") {
				hosts = append(hosts, word)
			}
		}
		u.certificate(words[0], hosts, at)
	}
}

func (u haproxyUses) stats(d directive) {
	if a, ok := parseHAProxyAddress(expandAddress(d.arg(1), u.env)); d.arg(0) == "socket" && ok && a.socket != "" {
		u.add(SocketFolder, path.Dir(a.socket), d.at)
	}
}

func (u haproxyUses) accounts(s *haproxySection, d directive) {
	if s.kind == "global" && len(d.args) > 0 {
		u.config.Accounts = append(u.config.Accounts, Account{Name: d.args[0], Group: d.name == "group", At: d.at})
	}
}

// load takes in a line of a crt-store: load crt site.crt key site.key.
func (u haproxyUses) load(s *haproxySection, d directive) {
	o := parseHAProxyOptions(d.args)
	crt, given := o.get("crt")
	if !given {
		return
	}
	crt = absolute(absolute(u.home, s.value("crt-base", u.certificates)), crt)
	key, apart := o.get("key")
	if !apart {
		u.add(CertAndKey, crt, d.at)
		return
	}
	key = absolute(absolute(u.home, s.value("key-base", u.certificates)), key)
	u.add(Certificate, crt, d.at).Pair = key
	u.add(Key, key, d.at).Pair = crt
}

func (u haproxyUses) errorfile(status, file string, at Position) {
	if file != "" && file != "/dev/null" {
		u.add(ErrorMessage, file, at).Status, _ = strconv.Atoi(status)
	}
}

var haproxyMapFile = regexp.MustCompile(`map(?:_[a-z]+)*\(([^,)%]+)`)

// arguments finds files among the words of a rule: -f FILE, file FILE, errorfile FILE, map(FILE).
func (u haproxyUses) arguments(d directive) {
	for i, word := range d.args {
		for _, found := range haproxyMapFile.FindAllStringSubmatch(word, -1) {
			u.add(Data, found[1], d.at)
		}
		next := d.arg(i + 1)
		switch {
		case next == "" || strings.HasPrefix(next, "%["):
		case word == "-f" && !strings.Contains(next, "@"), slices.Contains([]string{"file", "lf-file", "config"}, word):
			u.add(Data, next, d.at)
		case word == "errorfile":
			u.errorfile(statusOf(d.args), next, d.at)
		}
	}
}

// statusOf is the number after "status" or "deny_status".
func statusOf(words []string) string {
	i := slices.IndexFunc(words, func(w string) bool { return w == "status" || w == "deny_status" })
	if i < 0 || i+1 == len(words) {
		return ""
	}
	return words[i+1]
}

// host takes in a name that HAProxy looks up when it starts and that is none of a group's: of a log server, a peer.
func (u haproxyUses) host(s *haproxySection, d directive) {
	address := d.arg(0)
	if d.name != "log" {
		address = d.arg(1)
	}
	a, ok := parseHAProxyAddress(expandAddress(strings.TrimPrefix(address, "udp@"), u.env))
	if s.proxies() && d.name != "log" || !ok || a.host == "" || d.name == "log" && !namesHost(address) {
		return
	}
	if (Server{Host: a.host}).Kind() == Name && !slices.Contains(u.config.Names, a.host) {
		u.config.Names = append(u.config.Names, a.host)
	}
}

// namesHost: a log line may say global, stdout, stderr, or name a ring.
func namesHost(target string) bool {
	return !slices.Contains([]string{"global", "stdout", "stderr"}, target) && !strings.Contains(strings.TrimPrefix(target, "udp@"), "@")
}

// hostsOf are the host names that a frontend's rules compare with: its certificate should carry them.
func (h *haproxyReader) hostsOf(s *haproxySection) []string {
	var names []string
	for _, f := range h.frontends {
		if f.section != s {
			continue
		}
		for _, rule := range append(slices.Clip(f.choices), f.stops...) {
			for t := range rule.condition.tests {
				if (t.fetch == "host" || t.fetch == "sni") && t.match == "str" {
					names = append(names, t.values...)
				}
			}
		}
		for _, r := range h.config.Routes {
			if r.Host != "" && slices.Contains(f.entries, r.Entry) {
				names = append(names, r.Host)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
