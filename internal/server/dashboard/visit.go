package dashboard

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/session"
)

// visit is one request of somebody who is signed in.
type visit struct {
	s     *Server
	w     http.ResponseWriter
	r     *http.Request
	token string // Of the session.
	sess  session.Session
	key   alma.Key // Whose rights it has.
	down  trouble  // Why the API does not answer now.
	// counted says that the API has counted this visit against the key's rate limit.
	counted bool
	self    string // Where the page stands, when a form's answer shows one of another address.
}

const maxForm = 1 << 20

// page makes a handler for people who are signed in: others are sent to
// sign-in, and a form must come from a page of this server and carry its token.
func (s *Server) page(handle func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		secure(w)
		v := &visit{s: s, w: w, r: r, token: session.Token(r)}
		defer v.recovered()
		err := v.enter()
		if err == nil {
			err = handle(v)
		}
		if err != nil {
			v.fail(err)
		}
	}
}

// secure sets the headers of every page.
func secure(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin") // With no-referrer, browsers would hide where forms come from (Origin: null).
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// enter finds out who is there. While the store is away the key counts as it
// was last seen, which is enough to show a page that says so, and to show a
// form again with what was typed: the API refuses what it would do.
func (v *visit) enter() error {
	var ok bool
	if v.sess, ok = v.s.sessions.Find(v.token); !ok {
		return &problem{Status: http.StatusUnauthorized}
	}
	if v.r.Method == http.MethodPost {
		if err := v.checkForm(); err != nil {
			return err
		}
	}
	err := v.get("/v1/session", nil, &v.key)
	if err == nil {
		v.counted = true
		v.s.keys.Store(v.sess.Key, v.key)
		return nil
	}
	if statusOf(err) == http.StatusServiceUnavailable {
		if known, ok := v.s.keys.Load(v.sess.Key); ok {
			v.key, _ = known.(alma.Key)
			v.down = troubleOf(err)
			if v.r.Method == http.MethodPost {
				return nil
			}
		}
	}
	return err
}

func (v *visit) checkForm() error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		return &problem{Status: http.StatusBadRequest, Detail: "The form did not arrive whole."}
	}
	sent := v.r.PostForm.Get("csrf")
	if !session.SameOrigin(v.r) || subtle.ConstantTimeCompare([]byte(sent), []byte(v.sess.CSRF)) != 1 {
		return &problem{Status: http.StatusForbidden, Detail: "This form was not sent from a page of this session. Open the page again and repeat what you did."}
	}
	return nil
}

// may reports whether the key has the role that changes things.
func (v *visit) may() bool { return v.key.Role == alma.RoleAdmin }

// redirect ends a form: reloading what comes next does not repeat it.
func (v *visit) redirect(path string) error {
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

// fail answers for what went wrong.
func (v *visit) fail(err error) {
	status := statusOf(err)
	if status == http.StatusUnauthorized {
		v.toSignIn()
		return
	}
	v.down = troubleOf(err)
	if v.r.Method == http.MethodPost && passing(status) {
		v.keep(err)
		return
	}
	body := struct {
		Status int
		Title  string
		Detail string
		Faults []alma.Fault
		Retry  bool
	}{Status: status, Title: http.StatusText(status), Detail: "The server failed; its log says why.", Retry: v.r.Method == http.MethodGet && passing(status)}
	var p *problem
	if errors.As(err, &p) {
		body.Detail, body.Faults = p.Detail, p.Errors
	} else {
		v.s.logger.ErrorContext(v.r.Context(), "a page failed", "path", v.r.URL.Path, "error", err)
	}
	v.renderStatus(status, "problem", body.Title, "", body)
}

// toSignIn ends the session, whose key is gone.
func (v *visit) toSignIn() {
	v.s.sessions.End(v.token)
	target := "/signin"
	if v.r.Method == http.MethodGet && v.r.URL.Path != "/" {
		target += "?next=" + url.QueryEscape(v.r.URL.RequestURI())
	}
	http.Redirect(v.w, v.r, target, http.StatusSeeOther)
}

// recovered answers 500 after a panic, when nothing was answered yet.
func (v *visit) recovered() {
	thrown := recover()
	if thrown == nil {
		return
	}
	if thrown == http.ErrAbortHandler { //nolint:errorlint // It is thrown as it is.
		panic(thrown)
	}
	v.s.logger.ErrorContext(v.r.Context(), "a page panicked", "path", v.r.URL.Path, "panic", fmt.Sprint(thrown), "stack", string(debug.Stack()))
	v.fail(errors.New("panic"))
}

// local returns a path of this server to go on to, or the overview: whoever
// makes a link to the sign-in must not be able to lead elsewhere.
func local(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/overview"
	}
	return next
}
