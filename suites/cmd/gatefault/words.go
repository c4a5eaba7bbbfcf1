package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// words is a flag that takes names with commas between them, more than once. An empty name is a mistake: it must not
// choose everything.
type words []string

// Decode reads the flag's value for kong.
func (w *words) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("value", &text); err != nil {
		return err
	}
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word == "" {
			return fmt.Errorf("%q has an empty name; leave the flag out to choose all", text)
		}
		*w = append(*w, word)
	}
	return nil
}

// quote writes a word so that a shell takes it as it is.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_./:=,@+-", r)
	}
	if word != "" && strings.TrimFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
