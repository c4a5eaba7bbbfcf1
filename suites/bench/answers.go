package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// post sends JSON to an API.
func post(ctx context.Context, url, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("POST %s: %s: %s", url, resp.Status, text)
	}
	return err
}

// answers measures how many healthy answers a second each server gives: gatefault and one peer right after one another, in
// turns the one or the other first. The last peer is a loop that only reads and writes: a
// server in Go can hardly reach more against another peer than it does.
func answers(ctx context.Context, b *bench) ([]line, error) {
	ours, others := peers()[0], append(peers()[1:], peer{"bare", ofPeers("bare")})
	own, theirs := make([]samples, len(others)), make([]samples, len(others))
	for run := range b.runs {
		for i, p := range others {
			first, second := &own[i], &theirs[i]
			pair := []peer{ours, p}
			if run%2 == 1 {
				first, second, pair = second, first, []peer{p, ours}
			}
			for j, into := range []*samples{first, second} {
				err := pair[j].run(ctx, b, false, func(s *server) error {
					rate, err := wrk(ctx, b, "http://"+s.addr+s.path)
					*into = append(*into, rate)
					return err
				})
				if err != nil {
					return nil, err
				}
			}
		}
	}
	bare := theirs[len(theirs)-1].median()
	out := []line{{What: "gatefault, 1 core", Result: slices.Concat(own...).String() + "/s"}}
	bars := map[string]float64{"nginx": 1, "net/http": 2, "toxiproxy": 2.5}
	for i, p := range others {
		ratio := own[i].over(theirs[i])
		l := line{What: fmt.Sprintf("against %s, %s/s", described(p.name), number(theirs[i].median())), Result: ratio.String() + "x"}
		if bar, asked := bars[p.name]; asked {
			l.Bar, l.Met = fmt.Sprintf(">= %gx", bar), ratio.median() >= bar
			l.Limit = fmt.Sprintf("the bare loop reaches %sx", number(bare/theirs[i].median()))
		}
		out = append(out, l)
	}
	return out, nil
}

func described(name string) string {
	switch name {
	case "nginx":
		return "nginx `return 200`"
	case "net/http":
		return "Go net/http"
	case "toxiproxy":
		return "toxiproxy in front of net/http"
	case "bare":
		return "a bare Go loop that reads and writes"
	}
	return name
}

var requestsPerSecond = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

// wrk gives the answers per second that it counts.
func wrk(ctx context.Context, b *bench, url string) (float64, error) {
	d := 2 * time.Second
	if b.quick {
		d = time.Second
	}
	out, err := pinned(ctx, clientCore, "wrk", "-t1", "-c64", "-d"+d.String(), url).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w: %s", err, out)
	}
	m := requestsPerSecond.FindSubmatch(out)
	if m == nil || strings.Contains(string(out), "Non-2xx") || strings.Contains(string(out), "Socket errors") {
		return 0, fmt.Errorf("wrk met errors: %s", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
