package config

import (
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"
)

func (c *caddyReader) use(role Role, file string, at Position) *Use {
	c.config.Uses = append(c.config.Uses, Use{Path: absolute(c.home, file), Role: role, At: at})
	return &c.config.Uses[len(c.config.Uses)-1]
}

// pair takes in a certificate with its key.
func (c *caddyReader) pair(certificate, key string, names []string, at Position) {
	if strings.ContainsAny(certificate+key, "{") {
		return
	}
	u := c.use(Certificate, certificate, at)
	u.Pair, u.Names = absolute(c.home, key), names
	c.use(Key, key, at).Pair = absolute(c.home, certificate)
}

// siteUses takes in the files of a site.
func (c *caddyReader) siteUses(s *caddySite) {
	var names []string
	for _, key := range s.keys {
		if host := c.address(key).host; host != "" {
			names = append(names, host)
		}
	}
	for _, d := range s.tls {
		c.tlsUses(d, names)
	}
	c.blockUses(s.directives, 0)
}

// blockUses takes in logs and document roots, which may stand in blocks of blocks.
func (c *caddyReader) blockUses(all []directive, depth int) {
	if depth > maxDepth {
		return
	}
	for _, d := range all {
		switch {
		case d.name == "log":
			c.logUses(d)
		case d.name == "root" && len(d.args) > 0:
			if root := d.args[len(d.args)-1]; !strings.Contains(root, "{") {
				c.use(Folder, root, d.at)
			}
		case strings.HasPrefix(d.name, "handle") || d.name == "route":
			c.blockUses(d.block, depth+1)
		}
	}
}

// logUses: output file PATH, output net ADDRESS (https://caddyserver.com/docs/caddyfile/directives/log#output-modules).
func (c *caddyReader) logUses(log directive) {
	for _, d := range log.block {
		switch {
		case d.name != "output" || len(d.args) < 2 || strings.Contains(d.args[1], "{"):
		case d.args[0] == "file":
			c.use(Log, d.args[1], d.at)
		case d.args[0] == "net":
			c.name(d.args[1])
		}
	}
}

// name takes in a host name that is looked up at the start.
func (c *caddyReader) name(address string) {
	host, _, err := net.SplitHostPort(address)
	if err == nil && (Server{Host: host}).Kind() == Name && !slices.Contains(c.config.Names, host) {
		c.config.Names = append(c.config.Names, host)
	}
}

func (c *caddyReader) tlsUses(d directive, names []string) {
	if len(d.args) == 2 {
		c.pair(d.args[0], d.args[1], names, d.at)
	}
	for _, line := range d.block {
		switch line.name {
		case "load":
			for _, folder := range line.args {
				c.use(Folder, folder, line.at)
			}
		case "client_auth":
			c.authorities(line.block)
		case "ca_root":
			c.authority(line.args, line.at)
		}
	}
}

// proxyUses takes in what verifies upstreams, and the certificate shown to them.
func (c *caddyReader) proxyUses(block []directive) {
	for _, d := range block {
		if d.name == "transport" {
			c.authorities(d.block)
		}
	}
}

func (c *caddyReader) authorities(block []directive) {
	for _, d := range block {
		switch {
		case d.name == "tls_trusted_ca_certs", d.name == "trusted_ca_cert_file", d.name == "trusted_leaf_cert_file", d.name == "pem_file":
			c.authority(d.args, d.at)
		case (d.name == "tls_trust_pool" || d.name == "trust_pool") && d.arg(0) == "file":
			c.authority(d.args[1:], d.at)
			c.authorities(d.block)
		case d.name == "tls_client_auth" && len(d.args) == 2:
			c.pair(d.args[0], d.args[1], nil, d.at)
		}
	}
}

func (c *caddyReader) authority(files []string, at Position) {
	for _, file := range files {
		c.use(Authority, file, at)
	}
}

func (c *caddyReader) globalUses(options []directive) {
	for _, d := range options {
		socket, isSocket := caddySocket(d.arg(0))
		switch {
		case d.name == "log":
			c.logUses(d)
		case d.name == "storage" && d.arg(0) == "file_system":
			c.storage(d)
		case d.name == "admin" && isSocket:
			c.use(SocketFolder, path.Dir(socket), d.at)
		case d.name == "acme_ca_root":
			c.authority(d.args, d.at)
		}
	}
}

// storage file_system PATH, or with root PATH in a block.
func (c *caddyReader) storage(d directive) {
	folder := d.arg(1)
	for _, line := range d.block {
		if line.name == "root" {
			folder = line.arg(0)
		}
	}
	if folder != "" && !strings.Contains(folder, "{") {
		c.use(Folder, folder, d.at)
	}
}

// managed tells whether Caddy would get the certificate of a host from an authority on the internet: not where the site brings
// its own, not from the internal authority, not for names that no public authority signs
// (https://caddyserver.com/docs/automatic-https#hostname-requirements).
func (c *caddyReader) managed(host string, s *caddySite) bool {
	if host == "" || !publicName(host) || c.options.localCerts || c.options.autoHTTPS == "off" || strings.Contains(c.options.autoHTTPS, "disable_certs") {
		return false
	}
	return !slices.ContainsFunc(s.tls, func(d directive) bool {
		issuer := slices.ContainsFunc(d.block, func(line directive) bool { return line.name == "issuer" && line.arg(0) == "internal" })
		return len(d.args) == 2 || d.arg(0) == "internal" || issuer
	})
}

// publicName follows SubjectQualifiesForPublicCert of github.com/caddyserver/certmagic.
func publicName(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.ToLower(host)
	for _, suffix := range []string{"localhost", ".localhost", ".local", ".internal", ".home.arpa"} {
		if strings.HasSuffix(host, suffix) {
			return false
		}
	}
	return strings.Contains(strings.TrimPrefix(host, "*."), ".")
}
