// Package look is the look of gatefault's pages: one style sheet, one script, and the parts that the pages share. Both are
// plain text that a page embeds or serves; nothing of them is built or fetched.
package look

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"strings"
)

// CSS is the style sheet. Its colours are custom properties named --gf-*, light or dark as the system or the page's switch
// says; its classes begin with gf-.
//
//go:embed look.css
var CSS string

// JS is the script: the switch of the theme, forms of filters, and dialogs that an address opens. It needs no inline
// handlers and makes an object gf.
//
//go:embed look.js
var JS string

// Source is a text as a content security policy names it, such as 'sha256-...' (CSP level 3 §2.3.1): script-src or style-src with
// it allow an inline element that holds exactly this text.
func Source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Mark is the sign of a verdict, told by shape and colour; the word must stand beside it for those who see neither. The
// verdicts are those of package run, and of a check ok, failed, ignored and skipped.
func Mark(verdict, sign string) template.HTML {
	return template.HTML(fmt.Sprintf(`<span class="gf-mark" data-verdict="%s" aria-hidden="true">%s</span>`,
		template.HTMLEscapeString(verdict), template.HTMLEscapeString(sign))) //nolint:gosec // both are escaped
}

// perLine is how many bytes a line of a dump shows.
const perLine = 16

// Bytes shows data as a dump: offset, hexadecimal, and characters where they are printable ASCII. At most most bytes are
// shown, and how many there are more; total is how many there were, or 0 for those of data.
func Bytes(data []byte, most, total int) template.HTML {
	total = max(total, len(data))
	shown := data[:min(len(data), most)]
	var out strings.Builder
	out.WriteString(`<pre class="gf-bytes" tabindex="0">`)
	for i := 0; i < len(shown); i += perLine {
		part := shown[i:min(len(shown), i+perLine)]
		fmt.Fprintf(&out, "<i>%04x</i>  %-*s  %s\n", i, 3*perLine, spaced(part), template.HTMLEscapeString(ascii(part)))
	}
	if more := total - len(shown); more > 0 {
		fmt.Fprintf(&out, "<i>%d more bytes</i>\n", more)
	}
	out.WriteString("</pre>")
	return template.HTML(out.String()) //nolint:gosec // the characters are escaped, the rest is ours
}

func spaced(part []byte) string {
	var words []string
	for _, b := range part {
		words = append(words, hex.EncodeToString([]byte{b}))
	}
	return strings.Join(words, " ")
}

func ascii(part []byte) string {
	out := make([]byte, len(part))
	for i, b := range part {
		out[i] = '.'
		if b >= ' ' && b <= '~' {
			out[i] = b
		}
	}
	return string(out)
}

// Readable shows bytes as the text that they are, one line a line: what is not printable ASCII is escaped as Go does it, and the
// ends of lines are shown. Most and total are as those of [Bytes].
func Readable(data []byte, most, total int) template.HTML {
	total = max(total, len(data))
	shown := data[:min(len(data), most)]
	var out strings.Builder
	out.WriteString(`<pre class="gf-text" tabindex="0">`)
	for len(shown) > 0 {
		line, rest, broken := strings.Cut(string(shown), "\n")
		text := fmt.Sprintf("%+q", line)
		text = strings.ReplaceAll(text[1:len(text)-1], `\"`, `"`)
		if end, found := strings.CutSuffix(text, `\r`); found && broken {
			text = template.HTMLEscapeString(end) + `<i>\r\n</i>`
		} else if text = template.HTMLEscapeString(text); broken {
			text += `<i>\n</i>`
		}
		out.WriteString(text + "\n")
		shown = []byte(rest)
	}
	if more := total - min(len(data), most); more > 0 {
		fmt.Fprintf(&out, "<i>%d more bytes</i>\n", more)
	}
	out.WriteString("</pre>")
	return template.HTML(out.String()) //nolint:gosec // the text is escaped, the rest is ours
}

// Lines shows lines of a log. Those that marked chooses stand out; it may be nil.
func Lines(lines []string, marked func(string) bool) template.HTML {
	var out strings.Builder
	out.WriteString(`<ol class="gf-log" tabindex="0">`)
	for _, line := range lines {
		class := ""
		if marked != nil && marked(line) {
			class = ` class="gf-sign"`
		}
		fmt.Fprintf(&out, "<li%s>%s</li>\n", class, template.HTMLEscapeString(VisibleLine(line)))
	}
	out.WriteString("</ol>")
	return template.HTML(out.String()) //nolint:gosec // the lines are escaped
}
