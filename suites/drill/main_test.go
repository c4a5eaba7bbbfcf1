package drill

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/gatefault/gatefault/upstream"
)

func TestMain(m *testing.M) {
	upstream.ServeChild()
	// A lookup that nobody waits for any more ends by its own timeout: package net offers no way to await it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net.(*Resolver).lookupIPAddr.func1"),
		goleak.IgnoreAnyFunction("net.(*Resolver).lookupIPAddr.func2"), goleak.IgnoreAnyFunction("net.(*Resolver).goLookupIPCNAMEOrder.func3.1"))
}
