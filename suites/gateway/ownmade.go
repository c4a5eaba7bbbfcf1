package gateway

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"

	"github.com/gatefault/gatefault/suites/config"
)

// systemBundle holds the certificates that a Linux system trusts, where Debian, Alpine and Go's crypto/x509 look.
const systemBundle = "/etc/ssl/certs/ca-certificates.crt"

// debianFolder is where Debian's OpenSSL looks for certificates that the system trusts; its package openssl, which programs do not
// depend on, has a link there. HAProxy asks for it (X509_get_default_cert_dir) rather than for SSL_CERT_DIR.
const debianFolder = "/usr/lib/ssl/certs"

// authorities puts the upstream's authority in the place of every one that the configuration names, also where the user
// brought one: only so can the upstream's certificate be verified. The system trusts it as well.
func (f *ownFiles) authorities() error {
	for _, use := range f.uses(config.Authority, config.Authorities) {
		certificate := f.Authority
		switch {
		case use.Path == systemBundle && certificate != nil:
			continue
		case certificate == nil && f.has(use.Path):
			continue
		case certificate == nil:
			certificate = f.made.authority()
		}
		if err := f.authority(use, certificate); err != nil {
			return err
		}
	}
	return f.trusted()
}

// authority puts a certificate into a file, or into a folder under the name by which OpenSSL finds it there.
func (f *ownFiles) authority(use config.Use, certificate []byte) error {
	f.stand(use, "the certificate of the authority that signs the upstream's")
	at := use.Path
	if use.Role == config.Authorities || f.tree[path.Clean(at)].mode.IsDir() {
		hash, err := subjectHash(certificate)
		if err != nil {
			return err
		}
		at = path.Join(at, hash+".0")
	}
	f.text(at, 0o644, certificate)
	return nil
}

// trusted adds the upstream's authority to those that the system trusts: to the bundle, and as a file of its own beside it for
// programs that read the folder.
func (f *ownFiles) trusted() error {
	if f.Authority == nil {
		return nil
	}
	hash, err := subjectHash(f.Authority)
	if err != nil {
		return err
	}
	var bundle []byte
	if f.image != nil {
		bundle = f.image.read(systemBundle)
	}
	f.text(systemBundle, 0o644, slices.Concat(bundle, []byte("\n"), f.Authority))
	folder := path.Dir(systemBundle)
	for _, name := range []string{"gatefault.pem", hash + ".0"} { // HAProxy's @system-ca reads files by their extension
		f.text(path.Join(folder, name), 0o644, f.Authority)
	}
	if !f.has(debianFolder) {
		f.tree.add(debianFolder, node{mode: fs.ModeSymlink | 0o777, link: folder})
	}
	return nil
}

// trust are the variables by which OpenSSL (openssl-env(7)) and Go (crypto/x509, SystemCertPool) find what the system trusts,
// wherever they were built to look.
func (o Own) trust() map[string]string {
	if o.Authority == nil {
		return nil
	}
	return map[string]string{"SSL_CERT_FILE": systemBundle, "SSL_CERT_DIR": path.Dir(systemBundle)}
}

// data makes up files that are read and that neither the user nor the image has.
func (f *ownFiles) data() error {
	for _, use := range f.uses(config.DHParam, config.Revoked, config.TicketKey, config.ErrorMessage, config.Data) {
		if f.has(use.Path) || path.Ext(use.Path) == ".so" { // a module cannot be made up
			continue
		}
		content, what, err := f.content(use)
		if err != nil {
			return err
		}
		f.text(use.Path, 0o644, content)
		if f.image == nil {
			what += ", unless the image has the file"
		}
		f.stand(use, "%s", what)
	}
	return nil
}

// content is what a file may hold.
func (f *ownFiles) content(use config.Use) (content []byte, what string, err error) {
	switch use.Role {
	case config.DHParam:
		return []byte(ffdhe2048), "the Diffie-Hellman group ffdhe2048 of RFC 7919", nil
	case config.Revoked:
		content, err = f.made.revocations()
		return content, "a list of revoked certificates without any", err
	case config.TicketKey:
		return bytes.Repeat([]byte("gatefault throwaway "), 4), "a throwaway key for session tickets", nil
	case config.ErrorMessage:
		status := cmp.Or(use.Status, http.StatusServiceUnavailable)
		text := fmt.Sprintf("%d %s", status, http.StatusText(status))
		return fmt.Appendf(nil, errorMessage, text), "a plain answer " + text, nil
	}
	return nil, "an empty file", nil
}

// errorMessage is what a file of HAProxy's errorfile directive may hold.
const errorMessage = "HTTP/1.0 %[1]s\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n<h1>%[1]s</h1>\n"

// ffdhe2048 is a Diffie-Hellman group that everybody may use (RFC 7919, appendix A.1).
const ffdhe2048 = `-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
`

// accountName is what may stand in passwd(5).
var accountName = regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`)

// firstAccount is the number of the first account that is made up.
const firstAccount = 2001

// accounts adds the accounts that the configuration names and the image does not have. A user's group, unless another one is
// named, has its name.
func (f *ownFiles) accounts() error {
	var users, groups []string
	for _, account := range f.Config.Accounts {
		groups = append(groups, account.Name)
		if !account.Group {
			users = append(users, account.Name)
		}
	}
	switch {
	case f.image == nil || len(groups) == 0:
	case f.Place == PlaceLocal && os.Geteuid() != 0:
		f.impersonate(users, groups)
	default:
		f.extend(passwdFile, users, "%[1]s:x:%[2]d:%[2]d::/nonexistent:/usr/sbin/nologin\n")
		f.extend(groupFile, groups, "%[1]s:x:%[2]d:\n")
	}
	return nil
}

// impersonate makes the accounts that the configuration names our own, because only root could become another one.
func (f *ownFiles) impersonate(users, groups []string) {
	var passwd, group []byte
	for _, name := range users {
		passwd = fmt.Appendf(passwd, "%s:x:%d:%d::/nonexistent:/usr/sbin/nologin\n", name, os.Geteuid(), os.Getegid())
	}
	for _, name := range groups {
		group = fmt.Appendf(group, "%s:x:%d:\n", name, os.Getegid())
	}
	f.text(passwdFile, 0o644, append(passwd, f.image.read(passwdFile)...)) // the first line of a name counts
	f.text(groupFile, 0o644, append(group, f.image.read(groupFile)...))
	for _, account := range f.Config.Accounts {
		f.stands = append(f.stands, fmt.Sprintf("%s (%s): the account that runs gatefault, because only root could become another", account.Name, account.At))
	}
}

// extend adds lines to a table of accounts.
func (f *ownFiles) extend(table string, names []string, line string) {
	text := slices.Clone(f.image.read(table))
	before := len(text)
	slices.Sort(names)
	for i, name := range slices.Compact(names) {
		if accountName.MatchString(name) && fieldsOf(text, name) == nil {
			text = fmt.Appendf(text, line, name, firstAccount+i)
		}
	}
	if len(text) > before {
		f.text(table, 0o644, text)
	}
}
