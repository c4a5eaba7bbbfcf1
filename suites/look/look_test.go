package look_test

import (
	"strings"
	"testing"

	"github.com/gatefault/gatefault/suites/look"
)

const hostile = "<script>\x00\x1b[31m&\"'\u202e\xff\r\nnext"

func TestOthersTextIsEscaped(t *testing.T) {
	for name, got := range map[string]string{
		"bytes":    string(look.Bytes([]byte(hostile), 100, 0)),
		"readable": string(look.Readable([]byte(hostile), 100, 0)),
		"lines":    string(look.Lines([]string{hostile}, nil)),
		"mark":     string(look.Mark(hostile, hostile)),
	} {
		if strings.Contains(got, "<script") || strings.Contains(got, `"'`) {
			t.Errorf("%s: %s", name, got)
		}
		if name != "mark" && strings.ContainsAny(got, "\x00\x1b\u202e\r") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestBytes(t *testing.T) {
	got := string(look.Bytes([]byte("HTTP/1.1 200 OK\r\n<b>"), 18, 40))
	want := `<pre class="gf-bytes" tabindex="0"><i>0000</i>  48 54 54 50 2f 31 2e 31 20 32 30 30 20 4f 4b 0d   HTTP/1.1 200 OK.` +
		"\n<i>0010</i>  0a 3c                                             .&lt;\n<i>22 more bytes</i>\n</pre>"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestReadable(t *testing.T) {
	got := string(look.Readable([]byte("HTTP/1.1 200 OK\r\nX: \"a\\b\"\n\xffend"), 100, 99))
	want := `<pre class="gf-text" tabindex="0">HTTP/1.1 200 OK<i>\r\n</i>` + "\n" + `X: &#34;a\\b&#34;<i>\n</i>` + "\n" + `\xffend` + "\n<i>69 more bytes</i>\n</pre>"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLinesMarked(t *testing.T) {
	got := string(look.Lines([]string{`say "hi" \ there`, "other"}, func(line string) bool { return line == "other" }))
	if want := `<li>say &#34;hi&#34; \ there</li>` + "\n" + `<li class="gf-sign">other</li>`; !strings.Contains(got, want) {
		t.Errorf("%q is not in %s", want, got)
	}
}

// Nothing is fetched from anywhere.
func TestNothingIsFetched(t *testing.T) {
	for name, text := range map[string]string{"style": look.CSS, "script": look.JS} {
		for _, word := range []string{"http:", "https:", "url(", "@import", "fetch(", "import("} {
			if strings.Contains(text, word) {
				t.Errorf("the %s has %s", name, word)
			}
		}
		if strings.Contains(text, "</") {
			t.Errorf("the %s would end its element", name)
		}
	}
}
