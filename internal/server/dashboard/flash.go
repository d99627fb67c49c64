package dashboard

import (
	"crypto/rand"
	"net/url"
	"strings"
	"sync"
	"time"
)

// flash is what the next page tells once: what a form came to. It may hold a
// secret, so it waits here and not in the address or a cookie.
type flash struct {
	Good    bool
	Text    string
	Label   string // What Secret is.
	Secret  string
	Attempt *attempt // Of a test.

	owner string // The session's CSRF token.
	ends  time.Time
}

const (
	flashLife  = 5 * time.Minute
	maxFlashes = 1000
)

// flashes keeps notices until they are shown. Its zero value is ready to use.
type flashes struct {
	mu    sync.Mutex
	known map[string]flash
}

func (f *flashes) put(one flash) (id string) {
	id = rand.Text()
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for id, other := range f.known {
		if now.After(other.ends) {
			delete(f.known, id)
		}
	}
	if f.known == nil || len(f.known) >= maxFlashes {
		f.known = map[string]flash{}
	}
	one.ends = now.Add(flashLife)
	f.known[id] = one
	return id
}

// take returns a notice to its owner, once.
func (f *flashes) take(id, owner string) *flash {
	f.mu.Lock()
	defer f.mu.Unlock()
	one, ok := f.known[id]
	if !ok || one.owner != owner {
		return nil
	}
	delete(f.known, id)
	if time.Now().After(one.ends) {
		return nil
	}
	return &one
}

// tell goes on to a page, which shows a notice.
func (v *visit) tell(path string, one flash) error {
	one.owner = v.sess.CSRF
	glue := "?"
	if strings.Contains(path, "?") {
		glue = "&"
	}
	return v.redirect(path + glue + "notice=" + url.QueryEscape(v.s.flashes.put(one)))
}

// done tells of a form that worked.
func (v *visit) done(path, text string) error { return v.tell(path, flash{Good: true, Text: text}) }

// refused tells, on the page where a form was, what the API said of it.
func (v *visit) refused(path string, err error) error {
	switch statusOf(err) {
	case 400, 403, 409, 412, 422: // What a person can understand, and mend; see keep for what passes by itself.
		return v.tell(path, flash{Text: faultText(err)})
	}
	return err
}
