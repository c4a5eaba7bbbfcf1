package config

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is how many links in a row are followed, as many as Linux does.
const maxLinks = 40

func (f *Files) walkRoots() error {
	for _, root := range f.roots {
		if _, err := os.Stat(root.Path); err != nil {
			return notThere(root.Path, err)
		}
		if !path.IsAbs(root.At) {
			return fmt.Errorf("%s: the gateway's path for it, %q, must be absolute", root.Path, root.At)
		}
		if err := f.walk(path.Clean(root.At), filepath.Clean(root.Path), nil); err != nil {
			return err
		}
	}
	return nil
}

// walk takes in what lies at a path. above are the folders that it lies in: one of them again is a link's circle.
func (f *Files) walk(at, file string, above []fs.FileInfo) error {
	file, info := f.follow(file, 0)
	switch {
	case info == nil:
		f.byPath[at] = ""
		if target, err := os.Readlink(file); err == nil {
			f.dead[at] = target
		}
	case info.IsDir():
		return f.walkDir(at, file, info, above)
	case info.Mode().IsRegular() && !readable(file, info):
		f.denied[at] = file
	case info.Mode().IsRegular():
		f.byPath[at], f.byUser[file] = file, at
	}
	if len(f.byPath) > maxFiles {
		return fmt.Errorf("%s holds more than %d files: give the folder of the configuration alone", f.roots[0].Path, maxFiles)
	}
	return nil
}

func (f *Files) walkDir(at, dir string, info fs.FileInfo, above []fs.FileInfo) error {
	if slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }) {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		f.denied[at] = dir
		return nil
	}
	f.dirs[at], f.byUser[dir] = dir, at
	above = append(slices.Clip(above), info)
	for _, entry := range entries {
		if slices.Contains([]string{".git", ".hg", ".svn"}, entry.Name()) {
			continue
		}
		if err := f.walk(path.Join(at, entry.Name()), filepath.Join(dir, entry.Name()), above); err != nil {
			return err
		}
	}
	return nil
}

// follow finds what a path leads to; info is nil if that is nothing.
func (f *Files) follow(file string, links int) (string, fs.FileInfo) {
	info, err := os.Lstat(file)
	if err != nil || links > maxLinks {
		return file, nil
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return file, info
	}
	if inside, ok := f.inside(file); ok {
		if found, info := f.follow(inside, links+1); info != nil {
			return found, info
		}
	}
	if info, err = os.Stat(file); err != nil {
		return file, nil
	}
	return file, info
}

// inside maps an absolute link that leads to what the user brings, in the gateway's eyes, to this machine.
func (f *Files) inside(link string) (string, bool) {
	target, err := os.Readlink(link)
	if err != nil || !path.IsAbs(target) {
		return "", false
	}
	for _, root := range slices.Backward(f.roots) {
		if rest, ok := strings.CutPrefix(path.Clean(target), path.Clean(root.At)); ok && (rest == "" || rest[0] == '/') {
			return filepath.Join(root.Path, rest), true
		}
	}
	return "", false
}

// readable asks the system where the permissions alone don't tell.
func readable(file string, info fs.FileInfo) bool {
	if info.Mode().Perm()&0o444 == 0o444 {
		return true
	}
	opened, err := os.Open(file)
	if err != nil {
		return false
	}
	return opened.Close() == nil
}
