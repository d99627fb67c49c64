package session

import (
	"net/http"
	"net/url"
	"strings"
)

// CookieName names the cookie that holds a session's token.
const CookieName = "alma_session"

// Cookie returns the cookie of a session. It is gone when the browser is
// closed; the session's own end is kept here.
func Cookie(token string, tls bool) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Without TLS, Secure would keep the browser from sending it at all.
		Name: CookieName, Value: token, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: tls,
	}
}

// Token returns the session token that a request carries; "" for none.
func Token(r *http.Request) string {
	c, err := r.Cookie(CookieName)
	if err != nil {
		return ""
	}
	return c.Value
}

// SameOrigin reports whether a browser made a request on behalf of a page of
// this server, or of nobody (an address that was typed). What a browser says in
// Sec-Fetch-Site and in Origin must both speak for it; a program that is no
// browser says neither.
func SameOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}
