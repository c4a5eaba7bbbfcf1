package fault_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatefault/gatefault/upstream/fault"
)

func TestCatalogueIsWhole(t *testing.T) {
	form := regexp.MustCompile(`^(healthy|[a-z][a-z0-9]*\.[a-z0-9]+(-[a-z0-9]+)*)$`)
	seen := map[string]bool{}
	for _, f := range fault.All() {
		if !form.MatchString(f.Name) || seen[f.Name] {
			t.Errorf("%s: not layer.event, or twice", f.Name)
		}
		seen[f.Name] = true
		if f.Doc == "" || strings.HasSuffix(f.Doc, ".") || f.Evidence == "" {
			t.Errorf("%s: doc %q and evidence %q must be the end of a sentence and a proof", f.Name, f.Doc, f.Evidence)
		}
		acts := 0
		for _, has := range []bool{f.Script != "", f.Arm != "", f.New != nil, f.Log != ""} {
			if has {
				acts++
			}
		}
		if acts != 1 && !f.Answers() || f.Level != fault.Beyond && (f.Level == fault.Armed) != (f.Arm != "") {
			t.Errorf("%s: wants exactly one of script, arming, logic and, beyond endpoints, a log line, or answers besides", f.Name)
		}
		if _, err := regexp.Compile(f.Log); err != nil || (f.Evidence == fault.Log) != (f.Log != "") {
			t.Errorf("%s: its log line is no regular expression or not its evidence: %v", f.Name, err)
		}
		if _, _, err := f.Compile(nil); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		for _, p := range f.Params {
			if p.Doc == "" {
				t.Errorf("%s: parameter %s has no doc", f.Name, p.Name)
			}
			allowed := []string{p.Min, p.Max, p.Default}
			if p.Kind == fault.Word {
				allowed = append(p.Words(), p.Default)
			}
			for _, bound := range allowed {
				if _, err := f.Values(fault.Args{p.Name: bound}); err != nil {
					t.Errorf("%s: %v", f.Name, err)
				}
			}
			if f.Script != "" && !f.Answers() && !strings.Contains(f.Script, "${"+p.Name+"}") {
				t.Errorf("%s: its script does not use parameter %s", f.Name, p.Name)
			}
		}
	}
}

func TestParametersAreChecked(t *testing.T) {
	slow, err := fault.Find("head.slow")
	if err != nil {
		t.Fatal(err)
	}
	vals, err := slow.Values(fault.Args{"delay": "1.5s"})
	if err != nil || vals.Duration("delay") != 1500*time.Millisecond {
		t.Errorf("%v, %v", vals, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.Int64().Draw(t, "delay")
		_, err := slow.Values(fault.Args{"delay": time.Duration(d).String()})
		if inside := d >= 0 && d <= int64(time.Hour); inside != (err == nil) {
			t.Fatalf("%s: %v", time.Duration(d), err)
		}
	})
}

func TestArgsTakeNumbersAndStrings(t *testing.T) {
	var a fault.Args
	if err := json.Unmarshal([]byte(`{"workers": 2, "service": "1s", "on": true}`), &a); err != nil {
		t.Fatal(err)
	}
	if a["workers"] != "2" || a["service"] != "1s" || a["on"] != "true" {
		t.Errorf("%v", a)
	}
	for _, wrong := range []string{`{"a": null}`, `{"a": []}`, `{"a": {}}`, `[]`} {
		if json.Unmarshal([]byte(wrong), &a) == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
}

func TestUnknownNamesTheNearest(t *testing.T) {
	_, err := fault.Find("head.garbge")
	var unknown *fault.UnknownError
	if !errors.As(err, &unknown) || !slices.Contains(unknown.Nearest, "head.garbage") {
		t.Errorf("%v", err)
	}
}

func TestScriptsDeclareTheirProtocol(t *testing.T) {
	for text, want := range map[string]string{"repeat 2\nh2-data \"x\"\nend": "h2", "fcgi-end OVERLOADED": "fcgi", "close": ""} {
		if f, err := fault.OfScript(text, false); err != nil || f.Protocol != want {
			t.Errorf("%s: %+v, %v", text, f, err)
		}
	}
}

func TestScriptsDeclareWhatTheyNeed(t *testing.T) {
	f, err := fault.OfScript("repeat 1\nkill\nend", false)
	if err != nil || !f.Needing(fault.Process) || f.Needing(fault.Memory) {
		t.Errorf("%+v, %v", f, err)
	}
}
