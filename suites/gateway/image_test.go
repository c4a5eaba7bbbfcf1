package gateway

import (
	"archive/tar"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

func TestLadderOrder(t *testing.T) {
	d := &Definition{Name: "good", Images: []string{"127.0.0.1:1/official:1"}}
	d.Debian.Suite, d.Debian.Packages = "trixie", []string{"gatefault-has-no-such-package"}
	e := testEngine(t)
	_, err := e.Image(testContext(t), d, "")
	assertNoImage(t, err, "local tag 127.0.0.1:1/official:1", "local tag gatefault/good:trixie", "pull 127.0.0.1:1/official:1", "build from Debian packages of trixie")
	_, err = e.Image(testContext(t), d, "127.0.0.1:1/mine:2")
	assertNoImage(t, err, "pull 127.0.0.1:1/mine:2")
	_, err = e.Image(testContext(t), d, "debian:no suite")
	if !errors.Is(err, ErrBadReference) || errors.Is(err, ErrNoImage) {
		t.Errorf("got %v, want ErrBadReference", err)
	}
	_, err = e.Image(testContext(t), d, "debian:nonesuch")
	assertNoImage(t, err, "build from Debian packages of nonesuch")
	assertNoScratch(t)
}

func assertNoImage(t *testing.T, err error, reasons ...string) {
	t.Helper()
	var missing *NoImageError
	if !errors.As(err, &missing) || !errors.Is(err, ErrNoImage) || len(missing.Reasons) != len(reasons) {
		t.Fatalf("got %v, want a NoImageError with %d reasons", err, len(reasons))
	}
	for i, want := range reasons {
		if !strings.Contains(missing.Reasons[i].Error(), want) {
			t.Errorf("reason %d is %q, want %q", i, missing.Reasons[i], want)
		}
	}
}

func TestSuiteOverrideBuildsFromThatSuite(t *testing.T) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("building from Debian packages needs apt-get: ", err)
	}
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	r, err := Start(testContext(t), Spec{
		Definition: definitions(t)["nginx"], Profile: "plain", Lanes: containerLanes(u, 1), Place: PlaceContainer,
		Engine: e, Network: n, Image: "debian:bookworm",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stopped(t, r.Stop)
	if !strings.HasPrefix(r.Version(), "1.22.") || !strings.HasPrefix(r.Image(), "gatefault/nginx:bookworm (") {
		t.Errorf("version %q of image %q", r.Version(), r.Image())
	}
}

// The pull is tested against a real registry: one of our images is pushed, its tags are removed, and the ladder gets it.
func TestPullFromARegistry(t *testing.T) {
	e := testEngine(t)
	registry := startRegistry(t)
	d := definitions(t)["nginx"]
	built, err := e.Image(testContext(t), d, "")
	if err != nil {
		t.Fatal(err)
	}
	ref := registry + "/official/nginx:test"
	push(t, e, built.Ref, ref)
	official := *d
	official.Images = []string{ref}
	official.Debian = Debian{}

	pulled, err := e.Image(testContext(t), &official, "")
	if err != nil {
		t.Fatal(err)
	}
	if pulled.Ref != ref {
		t.Errorf("pulled %s, want %s", pulled.Ref, ref)
	}
	again, err := e.Image(testContext(t), d, ref)
	if err != nil || again.ID != pulled.ID {
		t.Errorf("the override gave %s, %v; want %s", again, err, pulled)
	}
	serveWithImage(t, e, d, ref)
	removeTag(t, e, ref)
}

func serveWithImage(t *testing.T, e *Engine, d *Definition, ref string) {
	t.Helper()
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	r, err := Start(testContext(t), Spec{
		Definition: d, Profile: "plain", Lanes: containerLanes(u, 1), Place: PlaceContainer, Engine: e, Network: n, Image: ref,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stopped(t, r.Stop)
	proveLanes(t, r, portAnswer)
	if !strings.HasPrefix(r.Image(), ref+" (") {
		t.Errorf("image %q, want %s", r.Image(), ref)
	}
}

// startRegistry runs Debian's docker-registry on a free port of loopback, which the engine trusts without TLS.
func startRegistry(t *testing.T) (address string) {
	t.Helper()
	binary, err := exec.LookPath("docker-registry")
	if err != nil {
		if strings.Contains(os.Getenv("GATEFAULT_REQUIRE"), "registry") {
			t.Fatal(err)
		}
		t.Skip("docker-registry is not installed (Debian: apt install docker-registry)")
	}
	address = refusingAddress(t).String()
	config := filepath.Join(t.TempDir(), "registry.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %s}\n", t.TempDir(), address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", config)
	logs := NewLogBook(Regexp{})
	child, err := startProcess(cmd, logs, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped(t, child.stop) })
	if err := awaitReady(testContext(t), ReadyHTTP, []netip.AddrPort{netip.MustParseAddrPort(address)}, child.exited); err != nil {
		t.Fatalf("%v: %s", err, texts(logs.Tail(logTail)))
	}
	return address
}

func push(t *testing.T, e *Engine, from, to string) {
	t.Helper()
	if _, err := e.docker.ImageTag(testContext(t), client.ImageTagOptions{Source: from, Target: to}); err != nil {
		t.Fatal(err)
	}
	answer, err := e.docker.ImagePush(testContext(t), to, client.ImagePushOptions{RegistryAuth: "e30="})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	if err := drainMessages(answer); err != nil {
		t.Fatal(err)
	}
	removeTag(t, e, to)
}

func removeTag(t *testing.T, e *Engine, ref string) {
	t.Helper()
	if _, err := e.docker.ImageRemove(testContext(t), ref, client.ImageRemoveOptions{}); err != nil {
		t.Error(err)
	}
}

func TestSubnetsDoNotOverlap(t *testing.T) {
	var taken []netip.Prefix
	for range 100 {
		subnet, ok := freeSubnet(taken)
		if !ok || overlapsAny(subnet, taken) || !networkRange.Overlaps(subnet) || subnet.Bits() != networkBits {
			t.Fatalf("subnet %s, %v, after %v", subnet, ok, taken)
		}
		taken = append(taken, subnet)
	}
	if _, ok := freeSubnet([]netip.Prefix{networkRange}); ok {
		t.Error("a subnet was found in a range that is taken")
	}
}

func TestNetworksSideBySide(t *testing.T) {
	e := testEngine(t)
	var subnets []netip.Prefix
	for range 5 {
		n := testNetwork(t, e)
		if slices.Contains(subnets, n.Subnet) {
			t.Errorf("%s was given twice", n.Subnet)
		}
		subnets = append(subnets, n.Subnet)
	}
}

func TestCheckReference(t *testing.T) {
	good := []string{"", "debian:trixie", "nginx", "nginx:1.30", "docker.io/library/nginx:1.30", "127.0.0.1:5000/a/b:c",
		"nginx@sha256:" + strings.Repeat("0a", 32), "sha256:" + strings.Repeat("0a", 32), "475833487b89"}
	for _, override := range good {
		if err := CheckReference(override); err != nil {
			t.Errorf("%q: %v", override, err)
		}
	}
	for _, override := range []string{"bad ref!!", "nginx:", "NGINX", "debian:", "debian:12", "debian:no suite", " "} {
		err := CheckReference(override)
		if !errors.Is(err, ErrBadReference) {
			t.Errorf("%q: got %v, want ErrBadReference", override, err)
		}
		t.Log(err)
	}
}

// An image of the same tag that was built of other packages is built again, and not taken for today's.
func TestImageOfOtherPackagesIsNotTaken(t *testing.T) {
	e := testEngine(t)
	d := &Definition{Name: "recipe-test", Debian: Debian{Suite: "trixie", Packages: []string{"one"}, Binary: "one"}}
	tag := debianTag(d, "trixie")
	archive := filepath.Join(t.TempDir(), "root.tar")
	writeArchive(t, archive, "./usr/sbin/one8.4")
	recipe, err := d.recipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.importArchive(testContext(t), archive, tag, []string{"LABEL " + labelRecipe + "=" + recipe}); err != nil {
		t.Fatal(err)
	}
	defer removeTag(t, e, tag)
	if image, err := e.built(d, "trixie")(testContext(t)); err != nil || image.Ref != tag {
		t.Errorf("an image of today's packages: %v, %v", image, err)
	}
	before, err := e.local(tag)(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.removeReplaced(testContext(t), before.ID); err != nil {
		t.Error(err)
	}
	if _, err := e.local(tag)(testContext(t)); err != nil {
		t.Errorf("an image that has its tag was removed: %v", err)
	}
	if err := e.importArchive(testContext(t), archive, tag, []string{"LABEL " + labelRecipe + "=" + recipe, "ENV A=b"}); err != nil {
		t.Fatal(err)
	}
	if err := e.removeReplaced(testContext(t), before.ID); err != nil {
		t.Error(err)
	}
	if _, err := e.local(before.ID)(testContext(t)); err == nil {
		t.Error("the image that was replaced is still there")
	}
	d.Debian.Packages = append(d.Debian.Packages, "two")
	if _, err := e.built(d, "trixie")(testContext(t)); err == nil || !strings.Contains(err.Error(), "built of other packages") {
		t.Errorf("an image of other packages: %v", err)
	}
}

func writeArchive(t *testing.T, file string, names ...string) {
	t.Helper()
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w := tar.NewWriter(out)
	defer w.Close()
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProgramIsFoundByPattern(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "root.tar")
	writeArchive(t, archive, "./etc/php-fpm8.4", "./usr/bin/php8.4", "./usr/sbin/php-fpm8.4")
	if name, err := findProgram(archive, "php-fpm[0-9]*"); err != nil || name != "php-fpm8.4" {
		t.Errorf("%q, %v", name, err)
	}
	if _, err := findProgram(archive, "nginx"); err == nil || !strings.Contains(err.Error(), "no program nginx") {
		t.Errorf("got %v", err)
	}
}

// A profile with packages of its own has an image of its own, which no official one can stand in for.
func TestProfileWithPackagesHasItsOwnImage(t *testing.T) {
	d := definitions(t)["nginx"]
	v := d.variantFor("waf")
	if tag := debianTag(v, "trixie"); tag != "gatefault/nginx:trixie-waf" || len(v.Images) > 0 || len(v.Debian.Packages) != len(d.Debian.Packages)+1 {
		t.Errorf("tag %s, images %v, packages %v", tag, v.Images, v.Debian.Packages)
	}
	_, err := Spec{Definition: d, Profile: "waf", Image: "docker.io/library/nginx:1.30"}.FindImage(testContext(t))
	if !errors.Is(err, ErrLacks) || !strings.Contains(err.Error(), "libnginx-mod-http-modsecurity") {
		t.Errorf("got %v", err)
	}
}
