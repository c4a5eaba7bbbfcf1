package gateway

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// tree is what is put into a container before it is started, by absolute path.
type tree map[string]node

// node is a file, a folder or a link.
type node struct {
	mode fs.FileMode // type and permissions
	file string      // of a file: where its content is on this machine; else data
	data []byte
	link string // of a link: what it leads to
}

// worldFolder is a folder that everybody may write to: who a gateway's workers are is not known.
const worldFolder = fs.ModeDir | 0o777

// add puts a node where there is none.
func (t tree) add(at string, n node) {
	if at = path.Clean(at); t[at].mode == 0 {
		t[at] = n
	}
}

// put puts a node in the place of any other.
func (t tree) put(at string, n node) { t[path.Clean(at)] = n }

// write packs the tree as a tar archive whose files belong to an account.
func (t tree) write(w io.Writer, owner account) error {
	archive := tar.NewWriter(w)
	for _, at := range slices.Sorted(maps.Keys(t)) { // a folder's path sorts before those in it
		if err := t[at].write(archive, at, owner); err != nil {
			return fmt.Errorf("copy %s: %w", at, err)
		}
	}
	return archive.Close()
}

func (n node) write(archive *tar.Writer, at string, owner account) error {
	h := &tar.Header{Name: strings.TrimPrefix(at, "/"), Mode: int64(n.mode.Perm()), Uid: owner.uid, Gid: owner.gid, ModTime: time.Now(), Typeflag: tar.TypeReg}
	switch {
	case n.mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
	case n.mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Linkname = tar.TypeSymlink, n.link
	case n.file != "":
		return n.copyFile(archive, h)
	}
	h.Size = int64(len(n.data))
	if err := archive.WriteHeader(h); err != nil {
		return err
	}
	_, err := archive.Write(n.data)
	return err
}

func (n node) copyFile(archive *tar.Writer, h *tar.Header) error {
	in, err := os.Open(n.file)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	h.Size, h.ModTime = info.Size(), info.ModTime()
	if err := archive.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.CopyN(archive, in, h.Size); err != nil { // one that grows meanwhile is cut
		return fmt.Errorf("read %s: %w", n.file, err)
	}
	return nil
}

// putTree unpacks a tree in a container that was not started yet.
func (e *Engine) putTree(ctx context.Context, container string, t tree, owner account) error {
	reader, writer := io.Pipe()
	packed := make(chan struct{})
	go func() { // ends when all is read, or the reader is closed
		defer close(packed)
		writer.CloseWithError(t.write(writer, owner))
	}()
	_, err := e.docker.CopyToContainer(ctx, container, client.CopyToContainerOptions{DestinationPath: "/", Content: reader})
	reader.Close()
	<-packed
	if err != nil {
		return fmt.Errorf("copy the configuration into the container: %w", err)
	}
	return nil
}
