package gateway

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"

	"github.com/gatefault/gatefault/docker"
)

// buildScript is the name of the image builder in the docker folder.
const buildScript = "debian-image.sh"

// Build makes the image of a gateway from Debian packages, also when its tag exists, and tags it gatefault/<name>:<suite>.
// An empty suite means the gateway's default one. No root rights and no base image are needed, but apt and dpkg are.
func (e *Engine) Build(ctx context.Context, d *Definition, suite string) (Image, error) {
	if suite == "" {
		suite = d.Debian.Suite
	}
	if err := e.build(ctx, d, suite); err != nil {
		return Image{}, fmt.Errorf("build %s from Debian packages of %s: %w", d.Name, suite, err)
	}
	return e.built(d, suite)(ctx)
}

// build runs once for a tag, however many ask for it at the same time.
func (e *Engine) build(ctx context.Context, d *Definition, suite string) error {
	_, err, _ := e.builds.Do("build "+debianTag(d, suite), func() (any, error) {
		e.progress(d.Name, "building from Debian packages of "+suite)
		return nil, e.buildOnce(ctx, d, suite)
	})
	return err
}

func (e *Engine) buildOnce(ctx context.Context, d *Definition, suite string) (err error) {
	scratch, err := scratchFolder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	archive := filepath.Join(scratch, "root.tar")
	if err := unpackDebian(ctx, scratch, archive, suite, d.Debian); err != nil {
		return err
	}
	binary, err := findProgram(archive, d.Debian.Binary)
	if err != nil {
		return err
	}
	recipe, err := d.recipe()
	if err != nil {
		return err
	}
	replaced, _ := e.local(debianTag(d, suite))(ctx)
	if err := e.importArchive(ctx, archive, debianTag(d, suite), []string{
		"LABEL " + labelProject + "=image",
		"LABEL " + labelBinary + "=" + binary,
		"LABEL " + labelRecipe + "=" + recipe,
		"ENV PATH=/usr/sbin:/usr/bin",
	}); err != nil {
		return err
	}
	return e.removeReplaced(ctx, replaced.ID)
}

// removeReplaced removes the image that had the tag before, unless there was none or a container or a tag has it.
func (e *Engine) removeReplaced(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	found, err := e.docker.ImageInspect(ctx, id)
	if errdefs.IsNotFound(err) || err == nil && len(found.RepoTags) > 0 {
		return nil
	}
	if err == nil {
		_, err = e.docker.ImageRemove(ctx, id, client.ImageRemoveOptions{PruneChildren: true})
	}
	if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
		return fmt.Errorf("remove the image that was replaced: %w", err)
	}
	return nil
}

// recipe tells an image of today's packages and builder from one of earlier ones, whose tag is the same.
func (d *Definition) recipe() (string, error) {
	script, err := docker.Files.ReadFile(buildScript)
	if err != nil {
		return "", fmt.Errorf("read the image builder: %w", err)
	}
	sum := sha256.New()
	sum.Write(script)
	fmt.Fprintf(sum, "%q %q %q", d.Debian.Packages, d.Debian.Bare, d.Debian.Binary)
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// findProgram finds in an archive the name of the program that a pattern means.
func findProgram(archive, pattern string) (string, error) {
	in, err := os.Open(archive)
	if err != nil {
		return "", fmt.Errorf("open the archive: %w", err)
	}
	defer in.Close()
	for reader := tar.NewReader(in); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("the packages have no program %s", pattern)
		}
		if err != nil {
			return "", fmt.Errorf("read the archive: %w", err)
		}
		folder, name := path.Split(path.Clean(header.Name))
		if fits, _ := path.Match(pattern, name); fits && strings.HasSuffix(folder, "bin/") {
			return name, nil
		}
	}
}

// unpackDebian runs the image builder; it writes the archive of the image's root file system.
func unpackDebian(ctx context.Context, scratch, archive, suite string, from Debian) error {
	script, err := writeScript(scratch)
	if err != nil {
		return err
	}
	out, err := os.Create(archive)
	if err != nil {
		return fmt.Errorf("create the archive: %w", err)
	}
	defer out.Close()
	var messages bytes.Buffer
	cmd := exec.CommandContext(ctx, "bash", slices.Concat([]string{script, suite, scratch}, from.Packages, []string{"--"}, from.Bare)...)
	cmd.Stdout, cmd.Stderr = out, &messages
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, lastLines(messages.String(), 5))
	}
	return out.Close()
}

func writeScript(scratch string) (string, error) {
	text, err := docker.Files.ReadFile(buildScript)
	if err != nil {
		return "", fmt.Errorf("read the image builder: %w", err)
	}
	file := filepath.Join(scratch, buildScript)
	if err := os.WriteFile(file, text, 0o700); err != nil {
		return "", fmt.Errorf("write the image builder: %w", err)
	}
	return file, nil
}

func (e *Engine) importArchive(ctx context.Context, archive, tag string, changes []string) error {
	in, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("open the archive: %w", err)
	}
	defer in.Close()
	answer, err := e.docker.ImageImport(ctx, client.ImageImportSource{Source: in, SourceName: "-"}, tag, client.ImageImportOptions{Changes: changes})
	if err != nil {
		return fmt.Errorf("import the archive: %w", err)
	}
	defer answer.Close()
	return drainMessages(answer)
}

// drainMessages reads the engine's progress messages to their end; one of them may be the failure.
func drainMessages(r io.Reader) error {
	for decoder := json.NewDecoder(r); ; {
		var message jsonstream.Message
		err := decoder.Decode(&message)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the engine's answer: %w", err)
		case message.Error != nil:
			return message.Error
		}
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
