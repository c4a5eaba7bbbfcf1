package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// start measures the size of the program and how long gatefault upstream takes to its first answer.
func start(ctx context.Context, b *bench) ([]line, error) {
	info, err := os.Stat(b.gatefault)
	if err != nil {
		return nil, err
	}
	const starts = 20
	var medians, slowest samples
	for range b.runs {
		var times []float64
		for range starts {
			took, err := b.coldStart(ctx)
			if err != nil {
				return nil, err
			}
			times = append(times, float64(took.Microseconds())/1000)
		}
		medians, slowest = append(medians, quantile(times, 0.5)), append(slowest, quantile(times, 1))
	}
	megabytes := float64(info.Size()) / 1e6
	return []line{
		{What: "size of the binary", Result: number(megabytes) + " MB", Bar: "<= 25 MB", Met: megabytes <= 25},
		{What: fmt.Sprintf("from the start of the process to the first answer, %d starts a run; the slowest %s ms", starts, number(slowest.median())),
			Result: medians.String() + " ms", Bar: "<= 50 ms", Met: slowest.median() <= 50},
	}, nil
}

// coldStart gives the time from the start of the program to the first byte of its first answer.
func (b *bench) coldStart(ctx context.Context) (took time.Duration, err error) {
	addr, err := freeAddress()
	if err != nil {
		return 0, err
	}
	api, err := freeAddress()
	if err != nil {
		return 0, err
	}
	cmd := everyCore(ctx, b.gatefault, "upstream", "--listen", addr, "--control", api)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		err = errors.Join(err, cmd.Wait())
	}()
	for time.Since(began) < 10*time.Second {
		if c, err := net.Dial("tcp", addr); err == nil {
			defer c.Close()
			return firstAnswer(c, began)
		}
		time.Sleep(time.Millisecond) // the program is to have the machine
	}
	return 0, errors.New("no answer in 10 s")
}

func firstAnswer(c net.Conn, began time.Time) (time.Duration, error) {
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n"); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err
	}
	return time.Since(began), resp.Body.Close()
}
