package gateway

import (
	"strings"
	"testing"
)

func TestFilesOfCertbotAreMadeUpAndOthersAreNot(t *testing.T) {
	c := ownCase{main: "apache2.conf", files: map[string]string{
		"apache2.conf": "Listen 443\nInclude /etc/letsencrypt/options-ssl-apache.conf\nInclude /etc/ssl/options.conf\nInclude /etc/letsencrypt/options-ssl-apache.conf\n"}}
	own := c.own(t, nil, definitions(t)["apache"])
	files, err := own.files(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(files.tree["/etc/letsencrypt/options-ssl-apache.conf"].data); got != "SSLEngine on\n" {
		t.Errorf("it holds %q", got)
	}
	if files.has("/etc/ssl/options.conf") {
		t.Error("what another include names is made up")
	}
	if stands := own.Stands(); len(stands) != 1 || !strings.HasSuffix(stands[0], "apache2.conf:2): a file with SSLEngine on") {
		t.Errorf("told: %q", stands)
	}
}
