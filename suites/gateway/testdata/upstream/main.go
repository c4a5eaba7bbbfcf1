// Command upstream stands in for the chaos upstream in the tests of package gateway: it answers on the control port and
// on the ports 9001 to 9040 with the number of the port, and on /version with the version of HTTP it is asked in.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/gatefault/gatefault/upstream/firewall/netns"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "fail" {
		log.Fatal("told to fail")
	}
	if len(os.Args) > 1 && os.Args[1] == "net-setup" {
		if err := netns.Setup(os.Args[2:]); err != nil {
			log.Fatal(err)
		}
		return
	}
	handler := func(port int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/version" {
				fmt.Fprint(w, r.Proto)
				return
			}
			fmt.Fprintf(w, "port %d %s", port, os.Getenv("GATEFAULT_TOKEN"))
		}
	}
	for port := 9001; port <= 9040; port++ {
		go func() { log.Fatal(http.ListenAndServe(fmt.Sprintf(":%d", port), handler(port))) }()
	}
	if socket := os.Getenv("SOCKET"); socket != "" {
		go serveSocket(listenAt(socket), handler(0)) // it is there before the control port
	}
	log.Fatal(http.ListenAndServe(":9500", handler(9500)))
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

func serveSocket(listener net.Listener, handler http.Handler) {
	log.Fatal(http.Serve(listener, handler))
}
