package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
)

// answer makes a call of a function that takes and gives JSON; [none] stands for no body.
func answer[In, Out any](f func(w http.ResponseWriter, r *http.Request, in In) (Out, error)) call {
	c := call{in: bodyType[In](), out: bodyType[Out]()}
	c.serve = func(w http.ResponseWriter, r *http.Request) (any, error) {
		var in In
		if c.in != nil {
			if err := Decode(w, r, &in); err != nil {
				return nil, err
			}
		}
		return f(w, r, in)
	}
	return c
}

func bodyType[T any]() reflect.Type {
	if t := reflect.TypeFor[T](); t != reflect.TypeFor[none]() {
		return t
	}
	return nil
}

// Decode reads a JSON body of at most [MaxBody] bytes strictly into v; every error is a [*Problem].
func Decode(w http.ResponseWriter, r *http.Request, v any) error {
	if err := checkMedia(r); err != nil {
		return err
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge.new("the body is larger than %d bytes", large.Limit)
	case err != nil:
		return badRequest.new("the body cannot be read: %s", err)
	}
	return decodeStrict(b, v)
}

// checkMedia demands JSON: a foreign web page cannot send that without asking first (a CORS preflight), other than
// forms, plain text and bodies without a type.
func checkMedia(r *http.Request) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && media == "application/json" {
		return nil
	}
	return wrongType.new("the body must be JSON and say so: add -H 'Content-Type: application/json', or use curl's --json instead of -d")
}

// decodeStrict takes exactly one JSON object without unknown keys.
func decodeStrict(b []byte, v any) error {
	if b = bytes.TrimSpace(b); len(b) == 0 || b[0] != '{' {
		return badRequest.new("the body must be a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badRequest.new("the body is wrong: %s", explain(err, b))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badRequest.new("the body must be one JSON object; something follows it")
	}
	return nil
}

// explain says where the JSON is wrong.
func explain(err error, b []byte) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the JSON ends too early"
	case errors.As(err, &syntax):
		return place(b, syntax.Offset) + ": " + syntax.Error()
	case errors.As(err, &kind):
		return fmt.Sprintf("%s: %s cannot be a JSON %s", place(b, kind.Offset), kind.Field, kind.Value)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// place gives line and column of an offset.
func place(b []byte, offset int64) string {
	before := b[:min(max(offset, 0), int64(len(b)))]
	line := bytes.Count(before, []byte("\n")) + 1
	return fmt.Sprintf("line %d, column %d", line, len(before)-bytes.LastIndexByte(before, '\n')-1)
}
