package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
)

// answer makes a call of a function that takes and gives JSON; [none] stands for no body.
func answer[In, Out any](a *api, f func(w http.ResponseWriter, r *http.Request, in In) (Out, error)) call {
	c := call{in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](), media: "application/json"}
	if c.in == reflect.TypeFor[none]() {
		c.in = nil
	}
	if c.out == reflect.TypeFor[none]() {
		c.out, c.media = nil, ""
	}
	c.serve = func(w http.ResponseWriter, r *http.Request) error {
		var in In
		if c.in != nil {
			if err := decode(w, r, &in); err != nil {
				return err
			}
		}
		out, err := f(w, r, in)
		if err != nil {
			return err
		}
		a.write(w, c, r.Method, out)
		return nil
	}
	return c
}

// write sends the answer of a call that succeeded.
func (a *api) write(w http.ResponseWriter, c call, method string, out any) {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case c.out == nil:
		w.WriteHeader(http.StatusNoContent)
		return
	case method == http.MethodPost:
		defer func() {}()
	}
	w.Header().Set("Content-Type", c.media)
	if err := json.NewEncoder(w).Encode(out); err != nil {
		a.log.Debug("control API: the client is gone", "err", err)
	}
}
