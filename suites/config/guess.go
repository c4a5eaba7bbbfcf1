package config

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// traits are how a product's configuration is known.
var traits = []struct {
	product string
	names   []string       // of main files, in small letters; patterns of path.Match
	line    *regexp.Regexp // that no other product's configuration has
}{
	{"apache", []string{"httpd*.conf", "apache*.conf"},
		regexp.MustCompile(`(?mi)^\s*(<(VirtualHost|IfModule|Location|Directory|Proxy)\b|(ProxyPass|ProxyPassMatch|LoadModule|ServerRoot|DocumentRoot)\s)`)},
	{"caddy", []string{"caddyfile", "caddyfile.*", "*.caddyfile", "*.caddy", "caddy.json"},
		regexp.MustCompile(`(?m)^\s*(reverse_proxy|php_fastcgi|file_server|handle|handle_path|respond)\b[^;]*$|^\s*\{\s*"(admin|apps|logging|storage)"\s*:`)},
	{"haproxy", []string{"haproxy*.cfg"},
		regexp.MustCompile(`(?m)^(global|defaults|frontend|backend|listen)\b[^{;<]*$`)},
	{"nginx", []string{"nginx*.conf"},
		regexp.MustCompile(`(?m)^\s*(events|http|server|upstream\s+\S+|location\s[^{]*)\s*\{|^\s*(proxy_pass|fastcgi_pass|listen)\s[^;]*;`)},
}

// Guess tells which product a configuration is for: by the name of the file, or of the files in the folder, and where that
// says nothing by what they hold. An error is a sentence for the user.
func Guess(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", notThere(file, err)
	}
	files := []string{file}
	if info.IsDir() {
		entries, err := os.ReadDir(file)
		if err != nil {
			return "", notThere(file, err)
		}
		files = nil
		for _, e := range entries {
			if e.Type().IsRegular() {
				files = append(files, filepath.Join(file, e.Name()))
			}
		}
	}
	if found := named(files); len(found) == 1 {
		return found[0], nil
	}
	if found := holding(files); len(found) == 1 {
		return found[0], nil
	}
	return "", fmt.Errorf("%s does not tell which gateway it is for; name it: apache, caddy, haproxy or nginx", file)
}

// named lists the products that have main files of these names.
func named(files []string) (products []string) {
	for _, t := range traits {
		if slices.ContainsFunc(files, func(file string) bool { return isNamed(file, t.names) }) {
			products = append(products, t.product)
		}
	}
	return products
}

func isNamed(file string, patterns []string) bool {
	name := strings.ToLower(filepath.Base(file))
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name)
		return ok
	})
}

// guessBytes is how much of a file is looked at.
const guessBytes = 64 << 10

// holding lists the products whose lines stand in the files.
func holding(files []string) (products []string) {
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			continue // what may not be read tells nothing
		}
		text, _ := io.ReadAll(io.LimitReader(f, guessBytes))
		_ = f.Close()
		for _, t := range traits {
			if t.line.Match(text) && !slices.Contains(products, t.product) {
				products = append(products, t.product)
			}
		}
	}
	return products
}
