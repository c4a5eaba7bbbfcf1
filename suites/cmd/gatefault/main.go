// Command gatefault breaks an upstream on command and judges what gateways make of it.
package main

import (
	"os"

	"github.com/gatefault/gatefault/suites/sandbox"
	"github.com/gatefault/gatefault/upstream"
)

func main() {
	upstream.ServeChild()
	sandbox.Serve()
	os.Exit(Main(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
