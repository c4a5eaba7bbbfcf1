package config

import "slices"

// readNginx reads an nginx configuration.
func readNginx(files *Files, src Source) (*Config, error) {
	text, err := files.ReadMain()
	if err != nil {
		return nil, err
	}
	p := &nginxParser{files: files}
	top, err := p.file(files.Main(), text)
	if err != nil {
		return nil, err
	}
	c := nginxConfig(files, src, top)
	c.Missing = p.missing
	return c, nil
}

func nginxConfig(files *Files, src Source, top []directive) *Config {
	h := newNginxHTTP(files, src, top)
	routes := h.routes()
	uses := &nginxUses{h: h}
	uses.block(h.main)
	uses.errorPages()
	for _, key := range h.order {
		for _, name := range h.upstreams[key].down {
			uses.host(name)
		}
	}
	ways, wanted := routes.sorted()
	c := &Config{
		Entries: h.entries, Groups: routes.groups, Routes: ways, Uses: slices.Concat(uses.uses, wanted), Names: uses.hosts, Managed: uses.managed,
	}
	c.addNginxMain(h)
	c.addNginxStreams(h)
	return c
}

// addNginxMain adds what stands outside of all blocks. A group's name is its user's unless it is given:
// https://nginx.org/en/docs/ngx_core_module.html#user.
func (c *Config) addNginxMain(h *nginxHTTP) {
	c.Foreground = h.main.text("daemon", "on") == "off"
	user, ok := h.main.find("user")
	if !ok || len(user.args) == 0 {
		return
	}
	group := user.arg(0)
	if len(user.args) > 1 {
		group = user.arg(1)
	}
	c.Accounts = []Account{{Name: user.arg(0), At: user.at}, {Name: group, Group: true, At: user.at}}
}
