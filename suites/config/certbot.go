package config

import "strings"

// certbotFolder is where certbot keeps what it makes.
const certbotFolder = "/etc/letsencrypt/"

// certbotApache is the file that certbot's virtual hosts of Apache include. It turns TLS on and sets protocols and ciphers:
// https://github.com/certbot/certbot, options-ssl-apache.conf.
const certbotApache = certbotFolder + "options-ssl-apache.conf"

// missing is an included file that the user did not bring. Those of certbot, which hold settings of TLS, are on the machine and
// in nobody's repository, so that others stand in for them.
func missing(file string, at Position) Missing {
	m := Missing{Path: file, At: at, Stands: strings.HasPrefix(file, certbotFolder)}
	if file == certbotApache {
		m.Text = "SSLEngine on\n"
	}
	return m
}
