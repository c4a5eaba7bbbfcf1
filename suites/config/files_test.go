package config

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// folder makes a folder of files by their names; "-> target" as content makes a link.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		err := os.WriteFile(file, []byte(text), 0o644)
		if target, link := strings.CutPrefix(text, "-> "); link {
			err = errors.Join(os.Remove(file), os.Symlink(target, file))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, src Source) *Files {
	t.Helper()
	files, err := OpenFiles(src)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func paths(f *Files) []string {
	var all []string
	for at := range f.All() {
		all = append(all, at)
	}
	return all
}

func TestSingleFileBringsNotItsFolder(t *testing.T) {
	dir := folder(t, map[string]string{"front.conf": "events {}", "other.conf": "x"})
	files := open(t, Source{Path: filepath.Join(dir, "front.conf"), Home: "/etc/nginx", Main: "nginx.conf"})
	if got := paths(files); !slices.Equal(got, []string{"/etc/nginx/front.conf"}) {
		t.Errorf("brought %v", got)
	}
	if files.Main() != "/etc/nginx/front.conf" {
		t.Errorf("main is %s", files.Main())
	}
	if text, err := files.ReadMain(); text != "events {}" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
	if _, err := files.Read("/etc/nginx/other.conf"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its neighbour gives %v", err)
	}
}

func TestFolderAndMounts(t *testing.T) {
	dir := folder(t, map[string]string{
		"nginx.conf": "a", "conf.d/b.conf": "b", "conf.d/a.conf": "a", "conf.d/.hidden.conf": "h", "conf.d/a.txt": "t", ".git/config": "no",
	})
	more := folder(t, map[string]string{"tls/site.pem": "cert"})
	files := open(t, Source{Path: dir, Home: "/etc/nginx", Main: "nginx.conf", Mounts: []Mount{
		{Path: filepath.Join(more, "tls"), At: "/tls"}, {Path: filepath.Join(more, "tls/site.pem"), At: "/etc/nginx/conf.d/b.conf"},
	}})
	if got := files.Glob("/etc/nginx/*.d/[!x]*.conf"); !slices.Equal(got, []string{"/etc/nginx/conf.d/a.conf", "/etc/nginx/conf.d/b.conf"}) {
		t.Errorf("the pattern matches %v", got)
	}
	if text, _ := files.Read("/etc/nginx/conf.d/b.conf"); text != "cert" {
		t.Errorf("a mount does not stand before the folder's own file: %q", text)
	}
	if !files.Has("/tls") || !files.Has("/tls/site.pem") || files.Has("/etc/nginx/.git/config") {
		t.Error("what is there is told wrong")
	}
	user, ok := files.User("/etc/nginx/conf.d/a.conf")
	if at, back := files.Gateway(user); !ok || !back || at != "/etc/nginx/conf.d/a.conf" {
		t.Errorf("%s leads back to %s", user, at)
	}
}

func TestLinks(t *testing.T) {
	dir := folder(t, map[string]string{
		"nginx.conf": "main", "sites-available/shop": "shop", "sites-enabled/shop": "-> /etc/nginx/sites-available/shop",
		"sites-enabled/relative": "-> ../sites-available/shop", "sites-enabled/gone": "-> /etc/nginx/nothing", "round/round": "-> ..",
		"self": "-> self", "all": "-> /etc/nginx/sites-available",
	})
	files := open(t, Source{Path: dir, Home: "/etc/nginx", Main: "nginx.conf"})
	for _, at := range []string{"sites-enabled/shop", "sites-enabled/relative", "all/shop"} {
		if text, err := files.Read("/etc/nginx/" + at); text != "shop" {
			t.Errorf("%s reads %q, %v", at, text, err)
		}
	}
	if got := len(files.Glob("/etc/nginx/sites-enabled/*")); got != 3 {
		t.Errorf("the pattern matches %d files, and not the dead link as well", got)
	}
	if dead := maps.Collect(files.DeadLinks()); dead["/etc/nginx/sites-enabled/gone"] != "/etc/nginx/nothing" {
		t.Errorf("dead links are %v", dead)
	}
	if _, err := files.Read("/etc/nginx/sites-enabled/gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dead link gives %v", err)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := folder(t, map[string]string{"empty.conf": " \n", "binary.conf": "\x7fELF\x00", "ok.conf": "\ufeffuser a;"})
	if err := os.Truncate(filepath.Join(dir, "binary.conf"), 4096); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large.conf")
	if err := errors.Join(os.WriteFile(large, nil, 0o644), os.Truncate(large, maxBytes+1)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"none.conf": "does not exist", "empty.conf": "is empty", "binary.conf": "is not a text file", "large.conf": "is larger than 8 MB", "": "holds no nginx.conf", "ok.conf": "",
	} {
		files, err := OpenFiles(Source{Path: filepath.Join(dir, name), Home: "/etc/nginx", Main: "nginx.conf"})
		var text string
		if err == nil {
			text, err = files.ReadMain()
		}
		if want == "" && (err != nil || text != "user a;") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: want %q, got %q, %v", name, want, text, err)
		}
	}
}

func TestFilesThatMayNotBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := folder(t, map[string]string{"nginx.conf": "x", "tls/site.key": "secret", "private/a": "a"})
	if err := errors.Join(os.Chmod(filepath.Join(dir, "tls/site.key"), 0), os.Chmod(filepath.Join(dir, "private"), 0o100)); err != nil {
		t.Fatal(err)
	}
	denied := maps.Collect(open(t, Source{Path: dir, Home: "/etc/nginx", Main: "nginx.conf"}).Denied())
	want := map[string]string{"/etc/nginx/tls/site.key": filepath.Join(dir, "tls/site.key"), "/etc/nginx/private": filepath.Join(dir, "private")}
	if !maps.Equal(denied, want) {
		t.Errorf("got %v, want %v", denied, want)
	}
}

func TestFolderWithTooManyFiles(t *testing.T) {
	dir := folder(t, map[string]string{"nginx.conf": "x"})
	for i := range maxFiles {
		if err := os.Link(filepath.Join(dir, "nginx.conf"), filepath.Join(dir, strconv.Itoa(i))); err != nil {
			t.Skip("no hard links here: ", err)
		}
	}
	_, err := OpenFiles(Source{Path: dir, Home: "/etc/nginx", Main: "nginx.conf"})
	if err == nil || !strings.Contains(err.Error(), "more than 10000 files") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownProduct(t *testing.T) {
	if _, err := Read("iis", Source{}); err == nil || !strings.Contains(err.Error(), `"iis"`) {
		t.Errorf("got %v", err)
	}
}
