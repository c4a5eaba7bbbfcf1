// Command upstream stands in for the chaos upstream in the tests of package gateway: it answers on the control port and
// on the ports 9001 to 9040 with the number of the port, on a unix socket if SOCKET names one, over TLS on port 9443 if
// CERTIFICATE and KEY hold one in PEM, and on /version with the version of HTTP it is asked in. It has the hidden commands
// of the gatefault program that run in containers.
package main

import (
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/gatefault/gatefault/suites/syslog"
	"github.com/gatefault/gatefault/upstream/firewall/netns"
)

func main() {
	if len(os.Args) > 1 {
		command(os.Args[1], os.Args[2:])
	}
	for port := 9001; port <= 9040; port++ {
		go func() { log.Fatal(http.ListenAndServe(fmt.Sprintf(":%d", port), handler(port))) }()
	}
	if socket := os.Getenv("SOCKET"); socket != "" {
		go serve(listenAt(socket), handler(0)) // it is there before the control port
	}
	if certificate := os.Getenv("CERTIFICATE"); certificate != "" {
		go serve(listenTLS([]byte(certificate), []byte(os.Getenv("KEY"))), handler(9443))
	}
	log.Fatal(http.ListenAndServe(":9500", handler(9500)))
}

// command returns if there is none of that name.
func command(name string, args []string) {
	var code int
	var err error
	switch name {
	case "fail":
		log.Fatal("told to fail")
	case "net-setup":
		err = netns.Setup(args)
	case "with-syslog":
		code, err = syslog.Run(strings.Split(args[0], ","), args[1:])
	default:
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	os.Exit(code)
}

func handler(port int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/version" {
			fmt.Fprint(w, r.Proto)
			return
		}
		fmt.Fprintf(w, "port %d %s", port, os.Getenv("GATEFAULT_TOKEN"))
	}
}

func listenAt(path string) net.Listener {
	listener, err := net.Listen("unix", path)
	if err == nil {
		err = os.Chmod(path, 0o666)
	}
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func listenTLS(certificate, key []byte) net.Listener {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := tls.Listen("tcp", ":9443", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func serve(listener net.Listener, handler http.Handler) {
	log.Fatal(http.Serve(listener, handler))
}
