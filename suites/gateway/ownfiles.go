package gateway

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/suites/config"
)

// maxOwnBytes is how much a user may bring in all, in bytes.
const maxOwnBytes = 256 << 20

// logSink is where a gateway's log files lead. One stream keeps the order of access and error lines.
const logSink = "/dev/stderr"

// ownFiles are the files of a gateway with its user's own configuration while they are put together.
type ownFiles struct {
	Own
	user  *config.Files
	tree  tree
	image present // nil: nothing is known of the image
	made  *throwaways
	// stands tells what stands in for something that the user did not bring.
	stands []string
}

// present tells what an image, or this machine in its place, has.
type present interface {
	has(at string) bool // a file or folder, through links
	read(at string) []byte
	problem() error // why it could not be told; then nothing is there
}

// files puts together what is copied into the container. Without a look into the image it holds what every image gets.
func (o Own) files(image present) (*ownFiles, error) {
	user, err := config.OpenFiles(o.Source)
	if err != nil {
		return nil, err
	}
	made, err := newThrowaways(time.Now())
	if err != nil {
		return nil, fmt.Errorf("make a throwaway authority: %w", err)
	}
	f := &ownFiles{Own: o, user: user, tree: tree{}, image: image, made: made}
	for _, step := range []func() error{f.brought, f.certificates, f.managed, f.authorities, f.data, f.accounts} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	f.includes()
	f.samples()
	f.folders()
	f.logs()
	f.hosts()
	if image != nil {
		return f, image.problem()
	}
	return f, nil
}

// has tells whether a path is there in the container already: the user brought it, or the image has it.
func (f *ownFiles) has(at string) bool {
	return f.tree[path.Clean(at)].mode != 0 || f.image != nil && f.image.has(at)
}

// stand tells of something made up.
func (f *ownFiles) stand(use config.Use, format string, args ...any) {
	f.stands = append(f.stands, fmt.Sprintf("%s (%s): %s", use.Path, use.At, fmt.Sprintf(format, args...)))
}

func (f *ownFiles) text(at string, mode fs.FileMode, data []byte) {
	f.tree.put(at, node{mode: mode, data: data})
}

// brought puts the user's files at their places.
func (f *ownFiles) brought() error {
	var total int64
	for at, file := range f.user.All() {
		info, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("%s cannot be read: %w", file, err)
		}
		if total += info.Size(); total > maxOwnBytes {
			return fmt.Errorf("%s holds more than %d MB: give the folder of the configuration alone", f.Source.Path, maxOwnBytes>>20)
		}
		f.tree.put(at, node{mode: info.Mode().Perm(), file: file})
	}
	for at, dir := range f.user.Folders() {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("%s cannot be read: %w", dir, err)
		}
		f.tree.put(at, node{mode: fs.ModeDir | info.Mode().Perm()})
	}
	for at, target := range f.user.DeadLinks() {
		f.tree.put(at, node{mode: fs.ModeSymlink | 0o777, link: target})
	}
	return f.denied()
}

// denied tells of files that may not be read. Secrets are made up, as if the user had not brought them; of others that the
// configuration names, nobody knows what they hold.
func (f *ownFiles) denied() error {
	named := map[string]config.Position{}
	for _, missing := range f.Config.Missing {
		named[missing.Path] = missing.At
	}
	for _, use := range f.uses(config.ErrorMessage, config.Data) {
		named[use.Path] = use.At
	}
	for at, file := range f.user.Denied() {
		if place, ok := named[at]; ok {
			return fmt.Errorf("%s: %s may not be read: mend its permissions", place, file)
		}
		f.stands = append(f.stands, fmt.Sprintf("%s may not be read and is left out", file))
	}
	return nil
}

// certificates makes up those that are missing, each with its key: a key cannot be made for a certificate that is there.
func (f *ownFiles) certificates() (err error) {
	if f.made.rsa, err = f.needsRSA(); err != nil {
		return err
	}
	for _, use := range f.uses(config.Certificate, config.CertAndKey) {
		if f.has(use.Path) && (use.Pair == "" || f.has(use.Pair)) {
			continue
		}
		chain, key, err := f.made.pair(cmp.Or(use.Pair, use.Path), use.Names)
		if err != nil {
			return err
		}
		f.certificate(use, chain, key)
	}
	return f.keys()
}

// certificate puts a certificate and its key at their places.
func (f *ownFiles) certificate(use config.Use, chain, key []byte) {
	names := cmp.Or(strings.Join(use.Names, ", "), "localhost")
	if use.Role == config.CertAndKey {
		f.text(use.Path, 0o600, slices.Concat(chain, key))
		f.stand(use, "a throwaway certificate with its key, for %s", names)
		return
	}
	f.text(use.Path, 0o644, chain)
	if use.Pair != "" {
		f.text(use.Pair, 0o600, key)
	}
	f.stand(use, "a throwaway certificate with a key of its own, for %s", names)
}

// keys makes up the keys that have no certificate beside them.
func (f *ownFiles) keys() error {
	for _, use := range f.uses(config.Key) {
		if f.has(use.Path) {
			continue
		}
		_, key, err := f.made.pair(use.Path, use.Names)
		if err != nil {
			return err
		}
		f.text(use.Path, 0o600, key)
		f.stand(use, "a throwaway key")
	}
	return nil
}

// managed puts certificates where the product keeps those that it gets from the internet, for each host that is reached
// over TLS. Where it has one already, it asks nobody.
func (f *ownFiles) managed() error {
	for _, host := range f.Config.Managed {
		for _, template := range f.Definition.Own.Managed {
			place, err := expand(template, managedView{strings.ReplaceAll(host, "*", "wildcard_")})
			if err != nil {
				return err
			}
			chain, key, err := f.made.pair(place, []string{host})
			if err != nil {
				return err
			}
			f.text(place+".crt", 0o600, chain)
			f.text(place+".key", 0o600, key)
			f.text(place+".json", 0o600, fmt.Appendf(nil, `{"sans": [%q], "issuer_data": {}}`, host))
		}
		if len(f.Definition.Own.Managed) > 0 {
			f.stands = append(f.stands, fmt.Sprintf("%s: a throwaway certificate in the place of one that %s would get for it", host, f.Definition.Title))
		}
	}
	return nil
}

// includes puts files in the place of those that are included, missing and can be stood in for.
func (f *ownFiles) includes() {
	for _, m := range f.Config.Missing {
		if !m.Stands || f.has(m.Path) {
			continue
		}
		f.text(m.Path, 0o644, []byte(m.Text))
		what := "an empty file"
		if m.Text != "" {
			what = "a file with " + strings.TrimSpace(m.Text)
		}
		f.stand(config.Use{Path: m.Path, At: m.At}, "%s", what)
	}
}

// samples empties files of the image that would be read with the user's folder though the user has none such.
func (f *ownFiles) samples() {
	info, err := os.Stat(f.Source.Path)
	if err != nil || !info.IsDir() || f.image == nil {
		return
	}
	for _, sample := range f.Definition.Own.Samples {
		if f.tree[sample].mode == 0 && f.image.has(sample) {
			f.text(sample, 0o644, nil)
		}
	}
}

// hidden are folders whose content on this machine is not for the gateway: where its samples lie, this machine's own sites do.
func (f *ownFiles) hidden() (out []string) {
	for _, sample := range f.Definition.Own.Samples {
		if folder := path.Dir(sample); folder != f.Source.Home {
			out = append(out, folder)
		}
	}
	return out
}

// folders makes what the product writes to.
func (f *ownFiles) folders() {
	wanted := slices.Clone(f.Definition.Own.Folders)
	for _, use := range f.uses(config.Folder, config.SocketFolder) {
		wanted = append(wanted, use.Path)
	}
	for _, use := range f.uses(config.PIDFile, config.Log) {
		wanted = append(wanted, path.Dir(use.Path))
	}
	sockets, _ := f.syslogSockets() // what cannot be read has been told of
	for _, socket := range sockets {
		if socket != syslogSocket { // /dev is there
			wanted = append(wanted, path.Dir(socket))
		}
	}
	for _, folder := range wanted {
		switch {
		case f.Place == PlaceLocal && isBelow(f.Source.Home, folder): // hiding it would hide what the product brings
			f.tree.add(folder, node{mode: fs.ModeDir | 0o755})
		case f.Place == PlaceLocal || !f.has(folder):
			f.tree.add(folder, node{mode: worldFolder})
		}
	}
	if f.Place == PlaceLocal {
		for _, folder := range f.hidden() {
			f.tree.put(folder, node{mode: worldFolder})
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(f.Sockets)) {
		f.tree.put(folder, node{mode: worldFolder}) // a volume is its maker's alone
	}
}

// logs leads the log files to the container's log. One with a variable in its name is left to the product.
func (f *ownFiles) logs() {
	files := slices.Clone(f.Definition.Own.Logs)
	for _, use := range f.uses(config.Log) {
		if !strings.ContainsAny(use.Path, "$%|{") {
			files = append(files, use.Path)
		}
	}
	for _, file := range files {
		f.tree.put(file, node{mode: fs.ModeSymlink | 0o777, link: logSink})
	}
}

// hosts is the table of names where no engine writes one.
func (f *ownFiles) hosts() {
	if f.Place != PlaceLocal {
		return
	}
	text := "127.0.0.1 localhost\n::1 ip6-localhost\n" // as in containers, which have no other IPv6 address
	names := f.names()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		text += fmt.Sprintf("%s %s\n", names[name], name)
	}
	f.text("/etc/hosts", 0o644, []byte(text))
}

// isBelow tells whether a path is a folder, or lies in it.
func isBelow(at, folder string) bool {
	folder = strings.TrimSuffix(path.Clean(folder), "/")
	return at == folder || strings.HasPrefix(at, folder+"/")
}
