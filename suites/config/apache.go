package config

import (
	"fmt"
	"maps"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// apacheReader turns directives into facts.
type apacheReader struct {
	files  *Files
	root   string // ServerRoot
	config *Config
	main   *apacheServer
	hosts  []*apacheServer            // virtual ones
	groups map[string]int             // of balancers and workers, by what tells them apart
	behind map[string][]*apacheServer // virtual hosts by entry, once they are known
}

// debianVariables are those of Debian's /etc/apache2/envvars, for when the user did not bring the file.
var debianVariables = map[string]string{
	"APACHE_RUN_USER": "www-data", "APACHE_RUN_GROUP": "www-data", "APACHE_PID_FILE": "/var/run/apache2/apache2.pid",
	"APACHE_RUN_DIR": "/var/run/apache2", "APACHE_LOCK_DIR": "/var/lock/apache2", "APACHE_LOG_DIR": "/var/log/apache2",
}

// readApache reads a configuration of Apache httpd. A folder without Debian's main file may hold httpd.conf. The manual that comments cite is https://httpd.apache.org/docs/2.4/.
func readApache(files *Files, src Source) (*Config, error) {
	if other := path.Join(src.Home, "httpd.conf"); !files.Has(files.Main()) && files.Has(other) {
		files.main = other
	}
	if _, err := files.ReadMain(); err != nil {
		return nil, err
	}
	p := newApacheParser(files, src)
	all, err := p.file(files.Main(), 0)
	if err != nil {
		return nil, err
	}
	a := newApacheReader(files, p.root)
	a.config.Missing, a.config.Env = p.missing, p.envvars
	a.read(all)
	return a.config, nil
}

func newApacheParser(files *Files, src Source) *apacheParser {
	p := &apacheParser{files: files, env: maps.Clone(debianVariables), defined: map[string]bool{}, loaded: map[string]bool{}, macros: map[string]apacheMacro{}}
	p.env["APACHE_CONFDIR"] = src.Home
	if text, err := files.Read(path.Join(src.Home, "envvars")); err == nil {
		p.envvars = apacheEnvvars(text)
		maps.Copy(p.env, p.envvars)
	}
	maps.Copy(p.env, src.Env)
	p.root = workingFolder(src)
	if path.Base(p.root) == "conf" { // as it is built: /usr/local/apache2/conf/httpd.conf below /usr/local/apache2
		p.root = path.Dir(p.root)
	}
	return p
}

func newApacheReader(files *Files, root string) *apacheReader {
	return &apacheReader{files: files, root: root, config: &Config{}, groups: map[string]int{}, behind: map[string][]*apacheServer{}}
}

// apacheServer is the main server or a virtual host. What a virtual host does not say, it takes from the main server.
type apacheServer struct {
	list      []directive
	main      *apacheServer // nil: this is it
	addresses []string
	names     []string
	at        Position
}

func (a *apacheReader) read(all []directive) {
	a.main = &apacheServer{}
	for _, d := range all {
		if d.name == "<virtualhost" {
			host := &apacheServer{list: d.block, main: a.main, addresses: d.args, at: d.at}
			host.names = hostNames(host)
			a.hosts = append(a.hosts, host)
			continue
		}
		a.main.list = append(a.main.list, d)
	}
	a.main.names = hostNames(a.main)
	a.listen()
	a.routes()
	a.uses(all, 0)
}

// hostNames are those of ServerName, without scheme and port, and ServerAlias.
func hostNames(s *apacheServer) []string {
	var names []string
	for _, d := range s.list {
		switch d.name {
		case "servername":
			_, name, found := strings.Cut(d.arg(0), "://")
			if !found {
				name = d.arg(0)
			}
			name, _, _ = strings.Cut(name, ":")
			names = append([]string{name}, names...)
		case "serveralias":
			names = append(names, d.args...)
		}
	}
	return names
}

// last is the directive that holds for a server: its own, or the main server's.
func (s *apacheServer) last(name string) (directive, bool) {
	for _, d := range slices.Backward(s.list) {
		if d.name == name {
			return d, true
		}
	}
	if s.main != nil {
		return s.main.last(name)
	}
	return directive{}, false
}

func (s *apacheServer) value(name, other string) string {
	if d, ok := s.last(name); ok {
		return d.arg(0)
	}
	return other
}

func (s *apacheServer) on(name string) bool { return strings.EqualFold(s.value(name, "off"), "on") }

// own says that a server itself, and not the main one for it, has a directive that is on.
func (s *apacheServer) own(name string) bool {
	return slices.ContainsFunc(s.list, func(d directive) bool { return d.name == name && strings.EqualFold(d.arg(0), "on") })
}

// listen takes in the entries: Listen [address:]port [protocol].
func (a *apacheReader) listen() {
	for _, d := range a.main.list {
		if d.name != "listen" || len(d.args) == 0 {
			continue
		}
		host, text, err := net.SplitHostPort(d.args[0])
		if err != nil {
			host, text = "", d.args[0]
		}
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			continue
		}
		if host == "0.0.0.0" || host == "::" || host == "*" {
			host = ""
		}
		e := Entry{Host: host, Port: uint16(port), TLS: strings.EqualFold(d.arg(1), "https"), At: d.at}
		a.config.entry(a.served(e))
	}
}

// served tells what the servers behind an entry make of it.
func (a *apacheReader) served(e Entry) Entry {
	for _, s := range append(slices.Clip(a.hosts), a.main) {
		if s == a.main && len(a.at(e, yes)) > 0 || s != a.main && s.takes(e) == no {
			continue
		}
		e.TLS = e.TLS || s.on("sslengine")
		e.ProxyProtocol = e.ProxyProtocol || s.on("remoteipproxyprotocol")
		protocols, _ := s.last("protocols")
		e.HTTP2 = e.HTTP2 || slices.Contains(protocols.args, "h2")
	}
	e.HTTP2 = e.HTTP2 && e.TLS
	return e
}

// takes tells whether a virtual host is for an entry: *:80, _default_:443, * and addresses, of which it is not known whether
// they are the gateway's here (the manual, vhosts/details.html).
func (s *apacheServer) takes(e Entry) truth {
	result := no
	for _, address := range s.addresses {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			host, port = strings.Trim(address, "[]"), "*"
		}
		switch {
		case port != "*" && port != strconv.Itoa(int(e.Port)):
		case host == "*", host == "_default_", host == e.Host && host != "", host == "0.0.0.0", host == "::":
			return yes
		default:
			result = unknown
		}
	}
	return result
}

// at are the virtual hosts for an entry, as surely as asked for.
func (a *apacheReader) at(e Entry, sure truth) []*apacheServer {
	key := fmt.Sprint(e.Host, " ", e.Port, " ", sure)
	if _, known := a.behind[key]; !known {
		a.behind[key] = slices.DeleteFunc(slices.Clone(a.hosts), func(s *apacheServer) bool { return s.takes(e) != sure })
	}
	return a.behind[key]
}

// chosen is the server for a request: the first virtual host with its name, or else the first one at the entry, or else the
// main server. Virtual hosts for addresses that are not known to be the gateway's are asked only if sure is unknown.
func (a *apacheReader) chosen(s sample, sure truth) *apacheServer {
	hosts := a.at(s.entry, sure)
	for _, host := range hosts {
		if slices.ContainsFunc(host.names, func(name string) bool { return aliasMatches(s.host, name) }) {
			return host
		}
	}
	if len(hosts) > 0 {
		return hosts[0]
	}
	return a.main
}

// aliasMatches: an asterisk stands for anything, a question mark for one character.
func aliasMatches(host, alias string) bool {
	if !strings.ContainsAny(alias, "*?[\\") {
		return strings.EqualFold(host, alias)
	}
	ok, err := path.Match(strings.ToLower(alias), strings.ToLower(host))
	return ok && err == nil
}

var apacheUnits = map[string]time.Duration{"": time.Second, "s": time.Second, "ms": time.Millisecond, "mi": time.Minute, "min": time.Minute, "h": time.Hour}

// apacheTime reads seconds, or a number with its unit: ms, s, min, h (ap_timeout_parameter_parse in server/util.c).
func apacheTime(text string, other time.Duration) time.Duration {
	letters := strings.TrimLeft(text, "0123456789")
	n, err := strconv.ParseUint(strings.TrimSuffix(text, letters), 10, 31)
	unit := apacheUnits[strings.ToLower(letters)]
	if err != nil || unit == 0 {
		return other
	}
	return min(time.Duration(n), time.Duration(1<<62)/unit) * unit
}
