package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxDepth is how many includes may stand in each other, and blocks likewise.
const maxDepth = 32

// reader reads one product's configuration. What [Read] fills in for all of them, it leaves empty.
type reader func(*Files, Source) (*Config, error)

// readers are the products that can be read.
var readers = map[string]reader{
	"apache":  readApache,
	"caddy":   readCaddy,
	"haproxy": readHAProxy,
	"nginx":   readNginx,
}

// Products lists the products whose configuration can be read.
func Products() []string { return slices.Sorted(maps.Keys(readers)) }

// Read reads a product's configuration. It follows includes among the files given, passes over what it does not know and
// keeps file and line. An error is a sentence for the user.
func Read(product string, src Source) (*Config, error) {
	read, known := readers[product]
	if !known {
		return nil, fmt.Errorf("the configuration of %q cannot be read: known are %s", product, strings.Join(Products(), ", "))
	}
	files, err := OpenFiles(src)
	if err != nil {
		return nil, err
	}
	c, err := read(files, src)
	if err != nil {
		return nil, err
	}
	c.shareChecks()
	c.Product, c.Main, c.Read = product, files.main, files.opened
	c.Uses = mergeUses(c.Uses)
	for i := range c.Uses {
		c.Uses[i].Found = files.Has(c.Uses[i].Path)
	}
	return c, nil
}

// shareChecks marks the groups that have a server which health checks of another group connect to.
func (c *Config) shareChecks() {
	checked := map[string]bool{}
	for _, g := range c.Groups {
		for _, s := range g.Servers {
			checked[s.Key()] = checked[s.Key()] || g.Checked
		}
	}
	for i := range c.Groups {
		g := &c.Groups[i]
		g.Checked = g.Checked || slices.ContainsFunc(g.Servers, func(s Server) bool { return checked[s.Key()] })
	}
}

// mergeUses makes one of the uses of the same path in the same role: the first place, all the names.
func mergeUses(all []Use) []Use {
	type key struct {
		path string
		role Role
	}
	first := map[key]int{}
	var merged []Use
	for _, use := range all {
		k := key{use.Path, use.Role}
		i, seen := first[k]
		if !seen {
			first[k] = len(merged)
			merged = append(merged, use)
			continue
		}
		for _, name := range use.Names {
			if !slices.Contains(merged[i].Names, name) {
				merged[i].Names = append(merged[i].Names, name)
			}
		}
	}
	return merged
}
