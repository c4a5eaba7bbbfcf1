package config

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Limits on what a user brings, so that a folder given by mistake ends in a sentence and not in a long wait.
const (
	maxFiles = 10_000
	maxBytes = 8 << 20 // of one file that is read
	maxReads = 10_000  // includes of includes multiply
	maxTotal = 64 << 20
)

// Files are the files that a user brings, by their paths in the gateway's eyes.
type Files struct {
	main   string
	roots  []Mount
	byPath map[string]string // path in the gateway's eyes -> path on this machine; empty for a link that leads nowhere
	dirs   map[string]string
	dead   map[string]string // links that lead nowhere on this machine: path in the gateway's eyes -> target as it is written
	denied map[string]string // what may not be read: path in the gateway's eyes -> path on this machine
	byUser map[string]string
	opened []string // paths on this machine, in the order of reading
	reads  int
	total  int
}

// OpenFiles looks at what a source brings. Of a single file it is only the file itself; of a folder, everything below it
// except what version control keeps there. Links are followed; an absolute one is taken in the gateway's eyes first, because
// people copy /etc/nginx with its links into their repositories. What may not be read counts as not brought.
func OpenFiles(src Source) (*Files, error) {
	info, err := os.Stat(src.Path)
	if err != nil {
		return nil, notThere(src.Path, err)
	}
	at := src.Home
	if !info.IsDir() {
		at = path.Join(src.Home, filepath.Base(src.Path))
	}
	f := &Files{
		roots:  append([]Mount{{Path: src.Path, At: at}}, src.Mounts...),
		byPath: map[string]string{}, dirs: map[string]string{}, dead: map[string]string{}, denied: map[string]string{}, byUser: map[string]string{},
	}
	if err := f.walkRoots(); err != nil {
		return nil, err
	}
	f.main = at
	if info.IsDir() {
		f.main = path.Join(src.Home, src.Main)
	}
	return f, nil
}

func notThere(file string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s does not exist: give the path of a configuration file or folder", file)
	}
	return fmt.Errorf("%s cannot be read: %w", file, err)
}

func (f *Files) noMain() error {
	given := f.roots[0]
	if _, folder := f.dirs[path.Clean(given.At)]; !folder {
		return fmt.Errorf("%s is not a file that may be read: mend its permissions", given.Path)
	}
	return fmt.Errorf("%s holds no %s that may be read: give the main file itself, or the folder that it lies in", given.Path, path.Base(f.main))
}

// Main is the main file in the gateway's eyes.
func (f *Files) Main() string { return f.main }

// Has tells whether the user brought a file or folder, by its path in the gateway's eyes.
func (f *Files) Has(at string) bool {
	at = path.Clean(at)
	return f.byPath[at] != "" || f.dirs[at] != ""
}

// isFile tells whether the user brought a file, and not a folder.
func (f *Files) isFile(at string) bool { return f.byPath[path.Clean(at)] != "" }

// User is the path on this machine of a file or folder that the gateway sees at a path.
func (f *Files) User(at string) (file string, ok bool) {
	at = path.Clean(at)
	if file = f.byPath[at]; file == "" {
		file = f.dirs[at]
	}
	return file, file != ""
}

// Gateway is the path in the gateway's eyes of a file on this machine.
func (f *Files) Gateway(file string) (at string, ok bool) {
	at, ok = f.byUser[filepath.Clean(file)]
	return at, ok
}

// All goes through the files in the order of their paths: in the gateway's eyes, and on this machine.
func (f *Files) All() iter.Seq2[string, string] {
	return func(yield func(at, file string) bool) {
		for _, at := range slices.Sorted(maps.Keys(f.byPath)) {
			if f.byPath[at] != "" && !yield(at, f.byPath[at]) {
				return
			}
		}
	}
}

// Folders goes through the folders, those without files too, in the order of their paths.
func (f *Files) Folders() iter.Seq2[string, string] {
	return func(yield func(at, file string) bool) {
		for _, at := range slices.Sorted(maps.Keys(f.dirs)) {
			if !yield(at, f.dirs[at]) {
				return
			}
		}
	}
}

// DeadLinks goes through the links that lead nowhere on this machine, with their targets, in the order of their paths. In the
// gateway's eyes there may be something: an image has files of its own.
func (f *Files) DeadLinks() iter.Seq2[string, string] {
	return func(yield func(at, target string) bool) {
		for _, at := range slices.Sorted(maps.Keys(f.dead)) {
			if !yield(at, f.dead[at]) {
				return
			}
		}
	}
}

// Denied goes through the files and folders that this user may not read, in the order of their paths. They count as not brought.
func (f *Files) Denied() iter.Seq2[string, string] {
	return func(yield func(at, file string) bool) {
		for _, at := range slices.Sorted(maps.Keys(f.denied)) {
			if !yield(at, f.denied[at]) {
				return
			}
		}
	}
}

// Glob lists the files that a shell pattern matches in the gateway's eyes, in the order of their names. A link that leads
// nowhere matches too: to read it fails.
func (f *Files) Glob(pattern string) []string {
	pattern = strings.ReplaceAll(path.Clean(pattern), "[!", "[^")
	var found []string
	for at := range f.byPath {
		if ok, err := path.Match(pattern, at); ok && err == nil && !hidden(pattern, at) {
			found = append(found, at)
		}
	}
	slices.Sort(found)
	return found
}

// hidden says that a wildcard stands for a leading dot in a name, which glob(3) does not allow.
func hidden(pattern, at string) bool {
	patterns := strings.Split(pattern, "/")
	for i, name := range strings.Split(at, "/") {
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(patterns[i], ".") {
			return true
		}
	}
	return false
}

// Read gives a file's text by its path in the gateway's eyes. The error is [fs.ErrNotExist] if the user did not bring it,
// and otherwise a sentence for the user.
func (f *Files) Read(at string) (string, error) {
	file := f.byPath[path.Clean(at)]
	if file == "" {
		return "", fs.ErrNotExist
	}
	if f.reads++; f.reads > maxReads {
		return "", fmt.Errorf("%s: more than %d includes: does a file include itself?", file, maxReads)
	}
	text, err := readText(file)
	if err != nil {
		return "", err
	}
	if f.total += len(text); f.total > maxTotal {
		return "", fmt.Errorf("%s: the configuration is larger than %d MB in all", file, maxTotal>>20)
	}
	if !slices.Contains(f.opened, file) {
		f.opened = append(f.opened, file)
	}
	return text, nil
}

// ReadMain gives the main file's text. It is an error that it is not there or empty.
func (f *Files) ReadMain() (string, error) {
	if f.byPath[f.main] == "" {
		return "", f.noMain()
	}
	text, err := f.Read(f.main)
	if err == nil && strings.TrimSpace(text) == "" {
		return "", fmt.Errorf("%s is empty", f.byPath[f.main])
	}
	return text, err
}

func readText(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", notThere(file, err)
	}
	if info.Size() > maxBytes {
		return "", fmt.Errorf("%s is larger than %d MB: that is no configuration", file, maxBytes>>20)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", notThere(file, err)
	}
	if strings.ContainsRune(string(text), 0) {
		return "", fmt.Errorf("%s is not a text file", file)
	}
	return strings.TrimPrefix(string(text), "\ufeff"), nil
}
