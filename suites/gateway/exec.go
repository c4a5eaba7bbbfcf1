package gateway

import (
	"context"
	"fmt"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// exec runs a command in the container. When the context ends first, the command goes on until the container is removed.
func (b *box) exec(ctx context.Context, command []string) (said, error) {
	docker := b.engine.docker
	made, err := docker.ExecCreate(ctx, b.id, client.ExecCreateOptions{Cmd: command, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return said{}, orCause(ctx, err)
	}
	stream, err := docker.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return said{}, orCause(ctx, err)
	}
	defer context.AfterFunc(ctx, stream.Close)()
	defer stream.Close()
	var out capped
	if _, err := stdcopy.StdCopy(&out, &out, stream.Reader); err != nil {
		return said{}, orCause(ctx, err)
	}
	found, err := docker.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
	if err != nil {
		return said{}, orCause(ctx, err)
	}
	answer := said{text: out.String()}
	if found.ExitCode != 0 {
		answer.ended = fmt.Sprintf("exit status %d", found.ExitCode)
	}
	return answer, nil
}

// orCause prefers the reason why the context ended to the error that this made.
func orCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
