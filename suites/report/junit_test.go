package report_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// validJUnit validates a document against testdata/junit.xsd, and against the schemas of readers that GATEFAULT_JUNIT_XSD
// names, separated as in PATH.
func validJUnit(t *testing.T, document []byte) {
	t.Helper()
	for _, schema := range append(filepath.SplitList(os.Getenv("GATEFAULT_JUNIT_XSD")), "testdata/junit.xsd") {
		t.Run("valid by "+filepath.Base(schema), func(t *testing.T) {
			if out, valid := lint(t, schema, document); !valid {
				t.Errorf("%s", out)
			}
		})
	}
}

// lint validates XML. Without xmllint it skips the test, unless GATEFAULT_REQUIRE names it.
func lint(t *testing.T, schema string, document []byte) (out []byte, valid bool) {
	t.Helper()
	if _, err := exec.LookPath("xmllint"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("GATEFAULT_REQUIRE"), ","), "xmllint") {
			t.Fatal("GATEFAULT_REQUIRE demands xmllint, and it is not installed")
		}
		t.Skip("xmllint is not installed; it comes with libxml2-utils")
	}
	cmd := exec.CommandContext(t.Context(), "xmllint", "--noout", "--nonet", "--schema", schema, "-")
	cmd.Stdin = bytes.NewReader(document)
	out, err := cmd.CombinedOutput()
	return out, err == nil
}

// The schema refuses what one of the readers would.
func TestJUnitSchemaRefuses(t *testing.T) {
	good, err := os.ReadFile("testdata/report.xml")
	if err != nil {
		t.Fatal(err)
	}
	for old, wrong := range map[string]string{
		`<testsuites name="gatefault"`:       `<testsuites skipped="1" name="gatefault"`,
		`name="process.oom"`:                 `name="tcp.refuse"`, // twice in one class
		`time="12.000"`:                      `time="12 s"`,
		`timestamp="2025-01-02T03:04:05"`:    `timestamp="2025-01-02T03:04:05Z"`,
		`<skipped message="no memory limit"`: `<skipped reason="no memory limit"`,
	} {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("%s is not in the golden file", old)
		}
		if _, valid := lint(t, "testdata/junit.xsd", bytes.Replace(good, []byte(old), []byte(wrong), 1)); valid {
			t.Errorf("%s is valid", wrong)
		}
	}
}
