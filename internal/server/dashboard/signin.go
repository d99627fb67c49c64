package dashboard

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/session"
)

// signInPage is what the form needs.
type signInPage struct {
	Token string // Of a one-time link.
	Next  string
	Fault string
}

// showSignIn shows the form. A link is not used up by looking at it: mail
// programs and browsers fetch links on their own. Its form is sent by a person.
func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request) {
	secure(w)
	if _, ok := s.sessions.Find(session.Token(r)); ok && r.FormValue("token") == "" {
		http.Redirect(w, r, local(r.FormValue("next")), http.StatusSeeOther)
		return
	}
	s.renderSignIn(w, r, http.StatusOK, signInPage{Token: r.FormValue("token"), Next: r.FormValue("next")})
}

func (s *Server) renderSignIn(w http.ResponseWriter, r *http.Request, status int, p signInPage) {
	v := &visit{s: s, w: w, r: r}
	v.renderStatus(status, "signin", "Sign in", "", p)
}

// signIn begins a session for who has a key or a link.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	secure(w)
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	p := signInPage{Next: r.PostFormValue("next")}
	if !session.SameOrigin(r) {
		p.Fault = "This form was not sent from a page of this server. Try again here."
		s.renderSignIn(w, r, http.StatusForbidden, p)
		return
	}
	if wait := s.throttle.Try(r.RemoteAddr); wait > 0 {
		seconds := int(math.Ceil(wait.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		p.Fault = fmt.Sprintf("Too many wrong tries from your address. Try again in %d seconds.", seconds)
		s.renderSignIn(w, r, http.StatusTooManyRequests, p)
		return
	}
	key, fault, err := s.credential(r)
	if err != nil {
		s.throttle.Right(r.RemoteAddr) // Nobody knows whether it was wrong.
		p.Fault = "The store cannot be reached now, so nobody can be recognised. Try again in a moment."
		s.renderSignIn(w, r, http.StatusServiceUnavailable, p)
		return
	}
	if fault != "" {
		s.pause(r)
		p.Fault = fault
		s.renderSignIn(w, r, http.StatusUnauthorized, p)
		return
	}
	s.throttle.Right(r.RemoteAddr)
	s.sessions.End(session.Token(r)) // A former one of this browser.
	http.SetCookie(w, session.Cookie(s.sessions.Begin(key), isTLS(r)))
	http.Redirect(w, r, local(p.Next), http.StatusSeeOther)
}

// credential returns the hash of the key that a form stands for, or what is
// wrong with it.
func (s *Server) credential(r *http.Request) (key session.Hash, fault string, err error) {
	if token := r.PostFormValue("token"); token != "" {
		key, ok := s.sessions.Redeem(token)
		if !ok {
			return key, `This link was used before, or is older than 10 minutes. Get a new one with "alma dashboard", or sign in with a key.`, nil
		}
		return key, "", nil
	}
	typed := strings.TrimSpace(r.PostFormValue("key"))
	if typed == "" {
		return key, "Type an API key.", nil
	}
	key = sha256.Sum256([]byte(typed))
	token := s.sessions.Begin(key) // Only to ask the API with.
	defer s.sessions.End(token)
	probe := &visit{s: s, r: r.Clone(r.Context()), counted: true} // What limits guesses is the throttle.
	probe.r.Header = http.Header{"Cookie": {session.Cookie(token, false).String()}}
	var found alma.Key
	switch err := probe.get("/v1/session", nil, &found); {
	case err == nil:
		return key, "", nil
	case statusOf(err) == http.StatusUnauthorized:
		return key, "This key is unknown; it may have been removed.", nil
	default:
		return key, "", errors.Join(errors.New("alma: dashboard: sign in"), err)
	}
}

// pause slows a guesser down, as long as it waits for the answer.
func (s *Server) pause(r *http.Request) {
	timer := time.NewTimer(s.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// isTLS reports whether the browser speaks https, to this server or to a proxy
// before it.
func isTLS(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// signOut ends the session.
func signOut(v *visit) error {
	v.s.sessions.End(v.token)
	gone := session.Cookie("", isTLS(v.r)) //nolint:gosec // It has them all.
	gone.MaxAge = -1
	http.SetCookie(v.w, gone)
	return v.redirect("/signin")
}
