package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Swept counts what a sweep removed.
type Swept struct {
	Containers, Networks, Volumes, Folders int
}

// Sweep removes the containers, networks and volumes that gatefault processes of this machine made and, being killed, did not
// remove. What living owners have stays. Errors are joined; the sweep goes on after one.
func (e *Engine) Sweep(ctx context.Context) (Swept, error) {
	return e.sweep(ctx, func(o owner) bool { return o.deadTo(e.owner) })
}

// RemoveAll removes what this process itself has made through any engine object and has not removed yet: the last resort
// when a run is interrupted.
func (e *Engine) RemoveAll(ctx context.Context) (Swept, error) {
	return e.sweep(ctx, func(o owner) bool { return o == e.owner })
}

func (e *Engine) sweep(ctx context.Context, doomed func(owner) bool) (Swept, error) {
	var swept Swept
	var failures []error
	ours := make(client.Filters).Add("label", labelOwner)
	containers, err := e.docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ours})
	failures = append(failures, err)
	for _, c := range containers.Items {
		if o, ok := parseOwner(c.Labels[labelOwner]); ok && doomed(o) {
			failures = append(failures, counted(&swept.Containers, e.removeContainer(ctx, c.ID)))
		}
	}
	var patience time.Duration // for the engine to notice that the containers are gone
	if swept.Containers > 0 {
		patience = heldAfter
	}
	networks, err := e.docker.NetworkList(ctx, client.NetworkListOptions{Filters: ours})
	failures = append(failures, err)
	for _, n := range networks.Items {
		if o, ok := parseOwner(n.Labels[labelOwner]); ok && doomed(o) {
			failures = append(failures, counted(&swept.Networks, e.removeNetworkWithin(ctx, n.ID, patience)))
		}
	}
	volumes, err := e.docker.VolumeList(ctx, client.VolumeListOptions{Filters: ours})
	failures = append(failures, err)
	for _, v := range volumes.Items {
		if o, ok := parseOwner(v.Labels[labelOwner]); ok && doomed(o) {
			failures = append(failures, counted(&swept.Volumes, e.removeVolume(ctx, v.Name)))
		}
	}
	return swept, errors.Join(failures...)
}

// counted counts a removal that succeeded. What the engine holds was told of and is no failure of ours.
func counted(count *int, err error) error {
	switch {
	case err == nil:
		*count++
	case errors.Is(err, errHeld):
		return nil
	}
	return err
}

// removeContainer kills and removes at once: nothing in our containers is worth a grace period.
func (e *Engine) removeContainer(ctx context.Context, id string) error {
	_, err := e.docker.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsConflict(err) {
		err = e.awaitRemoval(ctx, id, err)
	}
	if err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove container: %w", err)
	}
	return nil
}

// awaitRemoval waits for the end of a removal that somebody else has begun; conflict is what the engine said then.
func (e *Engine) awaitRemoval(ctx context.Context, id string, conflict error) error {
	found, err := e.docker.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	switch {
	case err != nil:
		return err
	case found.Container.State == nil || found.Container.State.Status != container.StateRemoving:
		return conflict
	}
	waiting := e.docker.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	select {
	case <-waiting.Result:
		return nil
	case err := <-waiting.Error:
		return err
	}
}

// errHeld means that the engine holds a network that no container is on: it has lost count of them (Docker 20.10 does so now and
// then, when many come and go at once), and counts anew when it is restarted.
var errHeld = errors.New("no container is on the network, and the engine holds it until it is restarted")

// heldAfter is how long a network without containers is given to be free.
const heldAfter = 3 * time.Second

func (e *Engine) removeNetwork(ctx context.Context, id string) error {
	return e.removeNetworkWithin(ctx, id, heldAfter)
}

func (e *Engine) removeNetworkWithin(ctx context.Context, id string, patience time.Duration) error {
	for began := time.Now(); ; {
		_, err := e.docker.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		if err = fmt.Errorf("remove network: %w", err); !e.isEmpty(ctx, id, err) {
			return err
		}
		if time.Since(began) >= patience {
			e.progress("network", fmt.Sprintf("%s stays: %v", id[:min(len(id), 12)], errHeld))
			return errHeld
		}
		select {
		case <-time.After(heldAfter / 10):
		case <-ctx.Done():
			return err
		}
	}
}

// isEmpty tells whether the engine refuses to remove a network for containers that are not on it.
func (e *Engine) isEmpty(ctx context.Context, id string, refused error) bool {
	if !strings.Contains(refused.Error(), "has active endpoints") {
		return false
	}
	found, err := e.docker.NetworkInspect(ctx, id, client.NetworkInspectOptions{})
	return err == nil && len(found.Network.Containers) == 0
}

const scratchPrefix = "gatefault-"

// SweepFolders removes the temporary folders that killed gatefault processes of this machine left.
func SweepFolders() (Swept, error) {
	self, err := currentOwner()
	if err != nil {
		return Swept{}, err
	}
	folders, err := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+"*"))
	if err != nil {
		return Swept{}, fmt.Errorf("sweep folders: %w", err)
	}
	var swept Swept
	var failures []error
	for _, folder := range folders {
		text, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(folder), scratchPrefix), "_")
		if o, ok := parseOwner(text); ok && o.deadTo(self) {
			failures = append(failures, os.RemoveAll(folder))
			swept.Folders++
		}
	}
	return swept, errors.Join(failures...)
}

// Scratch makes a temporary folder that [SweepFolders] removes if this process is killed. Remove it after use.
func Scratch() (string, error) { return scratchFolder() }

// scratchFolder makes a temporary folder that carries its owner's name. Others may enter but not list it: gateways that
// start as root run their workers as another user.
func scratchFolder() (string, error) {
	self, err := currentOwner()
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", scratchPrefix+self.String()+"_*")
	if err != nil {
		return "", fmt.Errorf("make a scratch folder: %w", err)
	}
	if err := os.Chmod(folder, 0o711); err != nil {
		return "", errors.Join(fmt.Errorf("open the scratch folder: %w", err), os.RemoveAll(folder))
	}
	return folder, nil
}
