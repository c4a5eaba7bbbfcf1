package control

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatefault/gatefault/upstream"
)

func (a *api) readJournal(w http.ResponseWriter, r *http.Request, _ none) (upstream.Page, error) {
	q, err := parseQuery(r.URL.Query())
	if err != nil {
		return upstream.Page{}, err
	}
	control := http.NewResponseController(w)
	deadline := time.Now().Add(q.Wait + writeTimeout)
	_ = control.SetReadDeadline(deadline) // the read deadline, too, would end the request's context
	_ = control.SetWriteDeadline(deadline)
	return a.page(r.Context(), q), nil
}

// page gives the page that q asks for, waiting for a first event if q does.
func (a *api) page(ctx context.Context, q JournalQuery) upstream.Page {
	ctx, cancel := context.WithTimeout(ctx, q.Wait)
	defer cancel()
	journal := a.up.Journal()
	page := journal.After(a.known(q.After), q.Filter, q.Limit)
	for len(page.Events) == 0 && ctx.Err() == nil && journal.Wait(ctx, page.Next) == nil {
		lost := page.Lost
		page = journal.After(page.Next, q.Filter, q.Limit)
		page.Lost += lost
		if len(page.Events) == 0 {
			_ = pause(ctx, coalesce) // events that do not fit may come in thousands
		}
	}
	return page
}

// known gives the event to go on after: 0 when seq is beyond the newest one, for then it is from before a restart.
func (a *api) known(seq uint64) uint64 {
	if seq > a.up.Journal().Last() {
		return 0
	}
	return seq
}

// parseQuery reads the query of journal and events.
func parseQuery(v url.Values) (q JournalQuery, err error) {
	q.Filter = upstream.Filter{Endpoint: v.Get("endpoint"), Contains: v.Get("contains"), Kind: upstream.EventKind(v.Get("kind"))}
	if !slices.Contains(eventKinds(), q.Kind) && q.Kind != "" {
		return q, badRequest.new("no kind of event is called %q; there are %s", string(q.Kind), joined(eventKinds()))
	}
	if q.After, err = parseSeq(v.Get("after")); err != nil {
		return q, err
	}
	q.Limit = DefaultPage
	if text := v.Get("limit"); text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > MaxPage {
			return q, badRequest.new("limit %q is not a number from 1 to %d", text, MaxPage)
		}
	}
	if text := v.Get("wait"); text != "" {
		if q.Wait, err = time.ParseDuration(text); err != nil || q.Wait < 0 || q.Wait > MaxWait {
			return q, badRequest.new("wait %q is not a duration from 0s to %s (write 500ms, 2s)", text, MaxWait)
		}
	}
	return q, nil
}

func parseSeq(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, badRequest.new("%q is not the number of an event", text)
	}
	return n, nil
}

func joined[T ~string](values []T) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return strings.Join(out, ", ")
}
