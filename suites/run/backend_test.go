package run

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream/fault"
)

func TestEvidenceFromALogIsOfThisCellAndAfterTheInjection(t *testing.T) {
	book := gateway.NewLogBook(gateway.Regexp{})
	re := regexp.MustCompile(`server reached pm\.max_children`)
	book.Add("WARNING: [pool nginx-php-0] server reached pm.max_children setting (2), consider raising it")
	since := time.Now()
	book.Add("WARNING: [pool nginx-php-1] server reached pm.max_children setting (2), consider raising it")
	book.Add("NOTICE: [pool nginx-php-0] child 9 started")

	early, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if line, err := logged(early, book, since, "[pool nginx-php-0]", re); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an earlier line, another pool's or another line was taken: %q, %v", line, err)
	}
	late := time.AfterFunc(20*time.Millisecond, func() { book.Add("WARNING: [pool nginx-php-0] server reached pm.max_children setting (3)") })
	defer late.Stop()
	line, err := logged(t.Context(), book, since, "[pool nginx-php-0]", re)
	if err != nil || !strings.HasSuffix(line, "setting (3)") {
		t.Errorf("%q, %v", line, err)
	}
}

// What the catalogue asks of backends is there: the pools, and a log line that each fault's regular expression can be found in.
func TestBuiltinScenariosNameKnownPools(t *testing.T) {
	gateways, err := gateway.Load(docker.Files)
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, s := range catalogue.All() {
		needs := gateways[0].Profile(s.Profile)
		if err := checkPool(s.Pool, needs); err != nil {
			t.Errorf("%s: %v", s.ID, err)
		}
		used[s.Pool] = true
	}
	for name := range gateways[0].Profile("php").Backend.Pools {
		if !used[name] {
			t.Errorf("no scenario uses pool %s", name)
		}
	}
}

func TestUnknownPoolIsTheScenariosMistake(t *testing.T) {
	gateways, err := gateway.Load(docker.Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ profile, pool, want string }{
		{"php", "nonesuch", "PHP-FPM has no pool nonesuch; it has default, "},
		{"plain", "default", "its profile has no backend"},
	} {
		if err := checkPool(c.pool, gateways[0].Profile(c.profile)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s in %s: %v, want %q", c.pool, c.profile, err, c.want)
		}
	}
}

func TestLogLinesOfTheCatalogueFitRealLines(t *testing.T) {
	for name, line := range map[string]string{
		"php.max-children":   `[21-Nov-2026 06:39:27] WARNING: [pool one] server reached pm.max_children setting (2), consider raising it`,
		"php.terminate":      `[21-Nov-2026 06:58:03] WARNING: [pool one] child 14, script '/tmp/index.php' (request: "GET /index.php") execution timed out (1.331254 sec), terminating`,
		"php.memory-limit":   `[21-Nov-2026 06:58:02] WARNING: [pool one] child 12 said into stderr: "NOTICE: PHP message: PHP Fatal error:  Allowed memory size of 8388608 bytes exhausted (tried to allocate 67112960 bytes) in /tmp/index.php on line 23"`,
		"php.crash":          `[21-Nov-2026 07:02:15] WARNING: [pool one] child 12 exited on signal 11 (SIGSEGV - core dumped) after 3.669815 seconds from start`,
		"waf.blocks-request": `[security2:error] [client 10.83.105.33:55856] ModSecurity: Access denied with code 403 (phase 1). Pattern match "(?i)select.+from" at REQUEST_URI. [file "/tmp/httpd.conf"] [line "69"] [id "1001"]`,
	} {
		f, err := fault.Find(name)
		if err != nil || !regexp.MustCompile(f.Log).MatchString(line) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
