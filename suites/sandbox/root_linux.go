package sandbox

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// root is a file system in the making. Paths of the sandbox begin with a slash.
type root struct {
	dir   string          // where it is mounted for now
	fresh map[string]bool // folders that hide this machine's
}

// enter makes the sandbox's file system and makes it this process's own.
func enter(dir string, files io.Reader, show []string) error {
	// What is mounted and unmounted elsewhere is so here too, but not the other way round.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("keep mounts to the sandbox: %w", err)
	}
	if err := unix.Mount("gatefault", dir, "tmpfs", unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount a file system: %w", err)
	}
	r := &root{dir: dir, fresh: map[string]bool{}}
	for _, name := range []string{"/tmp", "/var/tmp", "/run", "/dev/shm"} {
		if err := r.empty(name); err != nil {
			return err
		}
	}
	if err := r.unpack(files); err != nil {
		return err
	}
	for _, name := range show {
		if err := r.show(name); err != nil {
			return fmt.Errorf("show %s: %w", name, err)
		}
	}
	if err := r.merge("/"); err != nil {
		return err
	}
	return r.pivot()
}

// pivot makes it the root of all threads. The old root ends up on top of the new one, and goes (pivot_root(2), NOTES).
func (r *root) pivot() error {
	if err := unix.Chdir(r.dir); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return unix.Chdir("/")
}

// empty makes an empty folder that everybody may write to.
func (r *root) empty(name string) error {
	at, err := r.folder(name, maxLinks)
	if err != nil {
		return err
	}
	r.fresh[at] = true
	return os.Chmod(r.dir+at, 0o777|fs.ModeSticky)
}

// maxLinks is how many links a path may lead through, as in the kernel.
const maxLinks = 40

// folder makes a folder with all on the way to it and gives where it is, for there may be links on the way: those of this
// machine are made as well.
func (r *root) folder(name string, links int) (string, error) {
	at := "/"
	for part := range strings.SplitSeq(strings.Trim(path.Clean(name), "/"), "/") {
		if part == "" {
			break
		}
		next := path.Join(at, part)
		link, err := r.step(next)
		if err != nil {
			return "", err
		}
		switch {
		case link == "":
			at = next
			continue
		case links == 0:
			return "", fmt.Errorf("%s: %w", name, unix.ELOOP)
		case !path.IsAbs(link):
			link = path.Join(at, link)
		}
		if at, err = r.folder(link, links-1); err != nil {
			return "", err
		}
	}
	return at, nil
}

// step makes one folder unless it is there, or a link if this machine has one there. It gives what a link says.
func (r *root) step(at string) (link string, err error) {
	info, err := os.Lstat(r.dir + at)
	switch {
	case err == nil && info.Mode()&fs.ModeSymlink != 0:
		return os.Readlink(r.dir + at)
	case err == nil:
		return "", nil
	}
	if link, err := os.Readlink(at); err == nil {
		return link, os.Symlink(link, r.dir+at)
	}
	mode := fs.FileMode(0o755)
	if info, err := os.Stat(at); err == nil && info.IsDir() {
		mode = info.Mode().Perm()
	}
	return "", os.Mkdir(r.dir+at, mode)
}

// unpack puts the files of an archive in.
func (r *root) unpack(files io.Reader) error {
	for archive := tar.NewReader(files); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = r.put(h, archive)
		}
		if err != nil {
			return fmt.Errorf("put the files in their places: %w", err)
		}
	}
}

func (r *root) put(h *tar.Header, content io.Reader) error {
	name := path.Join("/", h.Name)
	if h.Typeflag == tar.TypeDir {
		return r.putFolder(name, h)
	}
	parent, err := r.folder(path.Dir(name), maxLinks)
	if err != nil {
		return err
	}
	at := r.dir + path.Join(parent, path.Base(name))
	if h.Typeflag == tar.TypeSymlink {
		return os.Symlink(h.Linkname, at)
	}
	f, err := os.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, h.FileInfo().Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close(), own(at, h))
}

func (r *root) putFolder(name string, h *tar.Header) error {
	at, err := r.folder(name, maxLinks)
	if err != nil {
		return err
	}
	mode := h.FileInfo().Mode().Perm()
	if mode&0o002 != 0 {
		r.fresh[at] = true
	}
	return errors.Join(os.Chmod(r.dir+at, mode), own(r.dir+at, h))
}

// own gives a file to its owner, which only root can do.
func own(at string, h *tar.Header) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(at, h.Uid, h.Gid)
}

// show puts a file or folder of this machine into its place.
func (r *root) show(name string) error {
	parent, err := r.folder(path.Dir(name), maxLinks)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(r.dir + path.Join(parent, path.Base(name))); err == nil {
		return nil
	}
	return r.mirror(name, path.Join(parent, path.Base(name)))
}

// merge shows what this machine has in a folder beside what the sandbox has there.
func (r *root) merge(at string) error {
	entries, err := os.ReadDir(at)
	if err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		name := path.Join(at, e.Name())
		ours, err := os.Lstat(r.dir + name)
		switch {
		case name == r.dir, name == logSocket:
		case err != nil:
			err = r.mirror(name, name)
		case ours.IsDir() && e.IsDir() && !r.fresh[name]:
			err = r.merge(name)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("show %s: %w", name, err)
		}
	}
	return nil
}

// logSocket is where this machine's log server listens, which is not for the gateway to write to.
const logSocket = "/dev/log"

// mirror shows a file or folder of this machine, not to be changed.
func (r *root) mirror(name, at string) error {
	info, err := os.Lstat(name)
	if err != nil {
		return err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		link, err := os.Readlink(name)
		if err != nil {
			return err
		}
		return os.Symlink(link, r.dir+at)
	case info.IsDir():
		err = os.Mkdir(r.dir+at, 0o755)
	default:
		err = os.WriteFile(r.dir+at, nil, 0o644)
	}
	if err != nil {
		return err
	}
	if err := unix.Mount(name, r.dir+at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	if slices.Contains([]string{"/proc", "/sys"}, name) { // they are the kernel's, and hold what is the sandbox's own
		return nil
	}
	return protect(r.dir + at)
}

// protect makes what is mounted at a place, and below it, read-only.
func protect(at string) error {
	err := unix.MountSetattr(-1, at, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	if !errors.Is(err, unix.ENOSYS) {
		return err
	}
	var is unix.Statfs_t // before Linux 5.12: one mount at a time, with all of the flags that it has
	if err := unix.Statfs(at, &is); err != nil {
		return err
	}
	const kept = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME
	return unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|uintptr(is.Flags)&kept, "")
}
