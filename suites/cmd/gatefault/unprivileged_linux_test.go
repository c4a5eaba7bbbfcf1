package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is who programs run as that shall have no rights.
const nobody = 65534

// Whoever is not root checks configurations without containers all the same, also those for a port below 1024 and for an account
// of the product's own.
func TestCheckWithoutRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("all of the tests run without root")
	}
	folder, err := os.MkdirTemp("", "gatefault-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	content, err := os.ReadFile("/proc/self/exe") // it is gatefault under that name
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(folder, "gatefault")
	if err := errors.Join(os.WriteFile(copied, content, 0o755), os.Chmod(folder, 0o777)); err != nil {
		t.Fatal(err)
	}
	for product, config := range map[string]string{
		"haproxy": "global\n  user haproxy\n  group haproxy\n  chroot /var/lib/haproxy\n  stats socket /run/haproxy/admin.sock\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 9s\n  timeout server 1s\nfrontend f\n  bind :80\n  default_backend b\nbackend b\n  server s app:80\n",
		"nginx":   "user www-data;\nevents {}\nhttp { server { listen 80; location / { proxy_pass http://app:80; proxy_connect_timeout 1s; } } }\n",
	} {
		t.Run(product, func(t *testing.T) {
			if _, err := exec.LookPath("/usr/sbin/" + product); err != nil {
				t.Skip(err)
			}
			file := filepath.Join(folder, product+".cfg")
			if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(copied, "check", product, "--config", file, "--upstream", "app:80", "-s", "healthy,head.none,tcp.drop-syn,process.crash")
			cmd.Dir, cmd.Env = folder, append(os.Environ(), "TMPDIR="+folder, "DOCKER_HOST=unix:///nonexistent", programVariable+"=")
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			out, err := cmd.CombinedOutput()
			if strings.Contains(string(out), "make no namespaces") {
				t.Skip(string(out))
			}
			if err != nil || !strings.Contains(string(out), "\n4 cells: 4 ok\n") {
				t.Errorf("%v:\n%s", err, out)
			}
		})
	}
}
