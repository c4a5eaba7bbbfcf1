package config

import "testing"

func TestFilesOfCertbotAreStoodInFor(t *testing.T) {
	for _, c := range []struct {
		product, text string
		tls           bool
		want          Missing
	}{
		{"nginx", "http {\n server {\n  listen 443 ssl;\n  include /etc/letsencrypt/options-ssl-nginx.conf;\n }\n}\n", true, Missing{Path: "/etc/letsencrypt/options-ssl-nginx.conf", Stands: true}},
		{"nginx", "http {\n server {\n  listen 443 ssl;\n  include /etc/ssl/options.conf;\n }\n}\n", true, Missing{Path: "/etc/ssl/options.conf"}},
		{"apache", "Listen 443\n<VirtualHost *:443>\n ServerName a\n Include /etc/letsencrypt/options-ssl-apache.conf\n</VirtualHost>\n", true,
			Missing{Path: certbotApache, Stands: true, Text: "SSLEngine on\n"}},
		{"apache", "Listen 443\n<VirtualHost *:443>\n ServerName a\n Include /etc/ssl/options.conf\n</VirtualHost>\n", false, Missing{Path: "/etc/ssl/options.conf"}},
	} {
		src := homes[c.product]
		src.Path = folder(t, map[string]string{src.Main: c.text})
		read, err := Read(c.product, src)
		if err != nil {
			t.Fatal(err)
		}
		if len(read.Missing) != 1 || len(read.Entries) != 1 {
			t.Errorf("missing %+v, entries %+v\n%s", read.Missing, read.Entries, c.text)
			continue
		}
		got := read.Missing[0]
		got.At = Position{}
		if got != c.want || read.Entries[0].TLS != c.tls {
			t.Errorf("got %+v, TLS %v, want %+v, TLS %v", got, read.Entries[0].TLS, c.want, c.tls)
		}
	}
}
