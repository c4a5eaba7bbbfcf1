package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/client"
)

// fakeEngine is as much of a Docker engine as a purge needs.
type fakeEngine struct {
	mu    sync.Mutex // guards asked
	asked []string
}

var apiVersion = regexp.MustCompile(`^/v1\.[0-9]+`)

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := apiVersion.ReplaceAllString(r.URL.Path, "")
	w.Header().Set("Content-Type", "application/json")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, strings.TrimSpace(r.Method+" "+path+" "+r.URL.Query().Get("filters")))
	switch {
	case r.Method == http.MethodDelete && path == "/networks/n1":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message":"it is gone already"}`)
	case r.Method == http.MethodDelete && path == "/images/i2":
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"message":"a container uses it"}`)
	case r.Method == http.MethodDelete:
		fmt.Fprint(w, "[]")
	case path == "/containers/json":
		fmt.Fprint(w, `[{"Id":"c1"}]`)
	case path == "/networks":
		fmt.Fprint(w, `[{"Id":"n1"}]`)
	case path == "/volumes":
		fmt.Fprint(w, `{"Volumes":[{"Name":"v1"}]}`)
	case path == "/images/json":
		fmt.Fprint(w, `[{"Id":"i1"},{"Id":"i2"}]`)
	default:
		fmt.Fprint(w, "{}")
	}
}

// The client is made for the fake's address alone. This test must never go through a search for an engine: it would
// empty a real one.
func TestPurgeRemovesWhatIsLabelledAndNothingElse(t *testing.T) {
	engine := &fakeEngine{}
	server := httptest.NewServer(engine)
	defer server.Close()
	docker, err := client.New(client.WithHost(strings.Replace(server.URL, "http", "tcp", 1)), client.WithAPIVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	r := &remover{docker: docker}
	r.running(t.Context())
	r.images(t.Context())
	if want := (purged{containers: 1, volumes: 1, images: 1}); errors.Join(r.failures...) != nil || r.removed != want {
		t.Errorf("got %+v, %v; want %+v", r.removed, r.failures, want)
	}
	want := []string{
		`GET /containers/json {"label":{"gatefault.owner":true}}`, "DELETE /containers/c1",
		`GET /networks {"label":{"gatefault.owner":true}}`, "DELETE /networks/n1",
		`GET /volumes {"label":{"gatefault.owner":true}}`, "DELETE /volumes/v1",
		`GET /images/json {"label":{"gatefault":true}}`, "DELETE /images/i1", "DELETE /images/i2",
	}
	if !slices.Equal(engine.asked, want) {
		t.Errorf("asked %q, want %q", engine.asked, want)
	}
}
