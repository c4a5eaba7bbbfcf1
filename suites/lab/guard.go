package lab

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/gatefault/gatefault/upstream/control"
)

// What a browser shows that it knows the token, and that a request that changes something comes from the lab's own script.
const (
	tokenParameter = "token"
	tokenCookie    = "gatefault-lab"
	ownHeader      = "Gatefault-Lab" // a page of another site cannot set it without being asked (CORS preflight)
)

// guard decides who may ask.
type guard struct {
	token  [sha256.Size]byte // hashed, so that comparing takes the same time whatever its length
	demand bool
	origin *http.CrossOriginProtection
}

func newGuard(token string) *guard {
	return &guard{token: sha256.Sum256([]byte(token)), demand: token != "", origin: http.NewCrossOriginProtection()}
}

// enter tells whether r may pass; otherwise it has been answered.
func (g *guard) enter(w http.ResponseWriter, r *http.Request) bool {
	switch given := r.URL.Query().Get(tokenParameter); {
	case !g.demand && !control.NamesLoopback(r.Host):
		problem(http.StatusMisdirectedRequest, "the Host field says %.100q; without a token only localhost and loopback addresses are answered", r.Host).Write(w)
		return false
	case g.demand && given != "" && g.is(given) && r.Method == http.MethodGet:
		g.remember(w, r, given)
		return false
	case g.demand && !g.known(r):
		problem(http.StatusUnauthorized, "visit the address that gatefault lab printed: it has the token").Write(w)
		return false
	}
	if foreign(r) || g.origin.Check(r) != nil {
		problem(http.StatusForbidden, "a page of another site may not use the lab").Write(w)
		return false
	}
	if changes(r) && r.Header.Get(ownHeader) == "" {
		problem(http.StatusForbidden, "a request that changes something needs the header field %s: 1", ownHeader).Write(w)
		return false
	}
	return true
}

func changes(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// foreign tells whether a page of another site asks, other than by a link that its reader follows.
func foreign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	visit := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" && !changes(r)
	return (site == "cross-site" || site == "same-site") && !visit
}

func (g *guard) is(token string) bool {
	hash := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(hash[:], g.token[:]) == 1
}

// known tells whether the browser has shown the token before, or a program shows it as that of the control API.
func (g *guard) known(r *http.Request) bool {
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") && g.is(strings.TrimSpace(token)) {
		return true
	}
	c, err := r.Cookie(tokenCookie)
	return err == nil && g.is(c.Value)
}

// remember gives the browser a cookie, and takes the token out of the address.
func (g *guard) remember(w http.ResponseWriter, r *http.Request, token string) {
	http.SetCookie(w, &http.Cookie{Name: tokenCookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	to := *r.URL
	query := to.Query()
	query.Del(tokenParameter)
	to.RawQuery, to.Scheme, to.Host = query.Encode(), "", ""
	to.Path = "/" + strings.TrimLeft(to.Path, "/") // never the address of another host
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// policy says what a page may do: nothing but what comes from the lab itself, and no script or style within the page.
func policy(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
