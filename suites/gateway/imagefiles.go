package gateway

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// imageFiles tells what an image has. It asks a container of it that was not started, and keeps the answers: many
// instances are made of one image.
type imageFiles struct {
	mu    sync.Mutex // guards what follows, while the engine is asked too: others want the same answers
	known map[string]bool
	texts map[string][]byte
}

// look is one container's view of its image's files. After a failure it finds nothing; see err.
type look struct {
	ctx       context.Context
	engine    *Engine
	container string
	files     *imageFiles
	err       error
}

// look looks at the files of an image through a container of it.
func (e *Engine) look(ctx context.Context, image Image, container string) *look {
	files, _ := e.images.LoadOrStore(image.ID, &imageFiles{known: map[string]bool{}, texts: map[string][]byte{}})
	return &look{ctx: ctx, engine: e, container: container, files: files.(*imageFiles)}
}

// has tells whether the image has a file or folder, through links.
func (l *look) has(at string) bool {
	l.files.mu.Lock()
	defer l.files.mu.Unlock()
	if known, ok := l.files.known[at]; ok || l.err != nil {
		return known
	}
	_, err := l.engine.docker.ContainerStatPath(l.ctx, l.container, client.ContainerStatPathOptions{Path: at})
	if err != nil && !errdefs.IsNotFound(err) {
		l.err = fmt.Errorf("look for %s in the image: %w", at, err)
		return false
	}
	l.files.known[at] = err == nil
	return err == nil
}

// problem is the first failure.
func (l *look) problem() error { return l.err }

// read gives the content of a file, nil when there is none.
func (l *look) read(at string) []byte {
	if !l.has(at) {
		return nil
	}
	l.files.mu.Lock()
	defer l.files.mu.Unlock()
	if text, ok := l.files.texts[at]; ok {
		return text
	}
	text, err := l.engine.fetch(l.ctx, l.container, at, maxImageLinks)
	if err != nil {
		l.err = fmt.Errorf("read %s in the image: %w", at, err)
		return nil
	}
	l.files.texts[at] = text
	return text
}

// maxImageLinks is how many links in a row are followed in an image.
const maxImageLinks = 8

// fetch copies one file out of a container. The engine gives a link as it is.
func (e *Engine) fetch(ctx context.Context, container, at string, links int) ([]byte, error) {
	answer, err := e.docker.CopyFromContainer(ctx, container, client.CopyFromContainerOptions{SourcePath: at})
	if err != nil {
		return nil, err
	}
	defer answer.Content.Close()
	archive := tar.NewReader(answer.Content)
	header, err := archive.Next()
	switch {
	case err != nil:
		return nil, err
	case header.Typeflag == tar.TypeSymlink && links > 0:
		target := header.Linkname
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(at), target)
		}
		return e.fetch(ctx, container, target, links-1)
	case header.Typeflag != tar.TypeReg:
		return nil, errors.New("it is no file")
	}
	return io.ReadAll(archive)
}

// account is who owns the files in a container.
type account struct{ uid, gid int }

// account finds the one that an image's programs run under, by number or by name; see passwd(5).
func (l *look) account(user string) account {
	name, group, _ := strings.Cut(user, ":")
	var a account
	if uid, err := strconv.Atoi(name); err == nil {
		a.uid = uid
	} else if fields := fieldsOf(l.read(passwdFile), name); len(fields) > 3 {
		a.uid, _ = strconv.Atoi(fields[2])
		a.gid, _ = strconv.Atoi(fields[3])
	}
	if gid, err := strconv.Atoi(group); err == nil {
		a.gid = gid
	}
	return a
}

// The files that tell a container's accounts.
const (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
)

// fieldsOf finds a name's line in passwd or group.
func fieldsOf(table []byte, name string) []string {
	for line := range strings.Lines(string(table)) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); fields[0] == name && name != "" {
			return fields
		}
	}
	return nil
}
