package control

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// guard decides who may ask.
type guard struct {
	token  [sha256.Size]byte // hashed, so that comparing takes the same time whatever its length
	demand bool              // a token is needed
	origin *http.CrossOriginProtection
}

func newGuard(token string) guard {
	return guard{token: sha256.Sum256([]byte(token)), demand: token != "", origin: http.NewCrossOriginProtection()}
}

// check gives the reason why r may not pass, or nil.
func (g *guard) check(r *http.Request, public bool) *Problem {
	switch {
	case !g.demand && !NamesLoopback(r.Host):
		return foreignHost.new("the Host field says %q; without a token only localhost and loopback addresses are answered", r.Host)
	case !public && !g.authorised(r):
		return noToken.new("send the header field Authorization: Bearer TOKEN with the control API's token")
	}
	if err := g.origin.Check(r); err != nil {
		return foreignOrigin.new("a web page of another origin may not change anything here: %s", err)
	}
	return nil
}

// authorised tells whether r carries the token, if one is demanded.
func (g *guard) authorised(r *http.Request) bool {
	if !g.demand {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	hash := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(hash[:], g.token[:]) == 1
}

// NamesLoopback tells whether a Host field names this machine: localhost or a loopback address. A page of a name that its owner points to 127.0.0.1
// could otherwise read and steer the API as if it were its own origin (DNS rebinding).
func NamesLoopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().IsLoopback()
}
