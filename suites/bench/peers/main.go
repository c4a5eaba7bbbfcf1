// Command peers are the servers that gatefault's upstream is measured against: peers NAME ADDRESS.
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// servers serve a listener until the process is killed. Those of HTTP answer at once, but for the path /stall, where no
// answer ever comes.
var servers = map[string]func(net.Listener) error{
	"net/http": func(l net.Listener) error {
		return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/stall" {
				<-r.Context().Done()
				return
			}
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write([]byte("ok\n"))
		}))
	},
	"fasthttp": func(l net.Listener) error {
		return (&fasthttp.Server{Concurrency: 20_000, Handler: func(ctx *fasthttp.RequestCtx) {
			if string(ctx.Path()) == "/stall" {
				select {}
			}
			ctx.SetContentType("text/plain")
			ctx.SetBodyString("ok\n")
		}}).Serve(l)
	},
	"bare":         func(l net.Listener) error { return accept(l, func(c *net.TCPConn) { go bare(c) }) },
	"sleep":        func(l net.Listener) error { return accept(l, func(c *net.TCPConn) { go sleep(c) }) },
	"accept-close": func(l net.Listener) error { return accept(l, func(c *net.TCPConn) { _ = c.Close() }) },
	"accept-reset": func(l net.Listener) error { return accept(l, func(c *net.TCPConn) { go reset(c) }) },
}

func main() {
	if len(os.Args) != 3 || servers[os.Args[1]] == nil {
		log.Fatalf("usage: peers NAME ADDRESS")
	}
	l, err := net.Listen("tcp", os.Args[2])
	if err == nil {
		err = servers[os.Args[1]](l)
	}
	log.Fatal(err)
}

// accept is a bare accept loop.
func accept(l net.Listener, serve func(*net.TCPConn)) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		serve(c.(*net.TCPConn))
	}
}

// reset ends a connection with RST when the first byte arrives.
func reset(c *net.TCPConn) {
	_, _ = c.Read(make([]byte, 1))
	_ = c.SetLinger(0)
	_ = c.Close()
}

// bare answers whatever it reads, without a look: what is left is the kernel and Go's scheduler.
func bare(c *net.TCPConn) {
	defer c.Close()
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
	for b := make([]byte, 4096); ; {
		if _, err := c.Read(b); err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// sleep answers requests such as GET /50ms after that time, by time.Sleep, with the least work that does it.
func sleep(c *net.TCPConn) {
	defer c.Close()
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
	for r := bufio.NewReaderSize(c, 512); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		for rest := line; strings.TrimSpace(rest) != ""; {
			if rest, err = r.ReadString('\n'); err != nil {
				return
			}
		}
		var path string
		_, _ = fmt.Sscanf(line, "GET /%s", &path)
		d, err := time.ParseDuration(path)
		if err != nil {
			return
		}
		time.Sleep(d)
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}
