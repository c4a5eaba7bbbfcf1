package gateway

import (
	"regexp"
	"strings"
)

// cellID is the form of a cell's id, which stands in the path of its requests.
var cellID = regexp.MustCompile(`\bgf-[0-9a-f]{8}-[0-9]+`)

func namesCell(text string) bool { return cellID.MatchString(text) }

// containsCell tells whether the text contains the id itself, and not one that it is the beginning of (…-1 and …-17).
func containsCell(text, id string) bool {
	if id == "" {
		return false
	}
	for rest := text; ; {
		_, after, found := strings.Cut(rest, id)
		if !found {
			return false
		}
		if after == "" || after[0] < '0' || after[0] > '9' {
			return true
		}
		rest = after
	}
}
