package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/api"
	"github.com/alma-events/alma/internal/server/session"
)

// stranger is a browser that is not signed in and follows no redirects.
func (r *rig) stranger() *visitor {
	v := &visitor{r: r, client: &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	r.t.Cleanup(v.client.CloseIdleConnections)
	return v
}

func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.stranger().post("/signin", url.Values{"key": {" " + r.admin + "\n"}, "next": {"/events?agent=qa"}})
	cookie := p.header.Get("Set-Cookie")
	for _, part := range []string{"alma_session=", "HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie %q lacks %s", cookie, part)
		}
	}
	if strings.Contains(cookie, "Secure") || p.status != http.StatusSeeOther || p.header.Get("Location") != "/events?agent=qa" {
		t.Errorf("%d, %q, to %q", p.status, cookie, p.header.Get("Location"))
	}
	p = r.stranger().post("/signin", url.Values{"key": {r.admin}}, "X-Forwarded-Proto", "https")
	if !strings.Contains(p.header.Get("Set-Cookie"), "Secure") {
		t.Error("behind https the cookie may travel in the clear")
	}
	v := r.visitor(r.admin)
	v.get("/overview")
	if p := v.post("/signout", nil); p.path != "/signin" {
		t.Errorf("signing out leads to %s", p.path)
	}
	if p := v.get("/events?agent=qa"); p.path != "/signin" || !strings.Contains(p.body, `value="/events?agent=qa"`) {
		t.Errorf("signed out, /events leads to %s", p.path)
	}
}

func TestSignInLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, next := range []string{"//evil.example", "https://evil.example", "/\\evil.example", "evil", "/\t/evil.example", ""} {
		p := r.stranger().post("/signin", url.Values{"key": {r.admin}, "next": {next}})
		if p.header.Get("Location") != "/overview" {
			t.Errorf("next %q leads to %q", next, p.header.Get("Location"))
		}
	}
}

func TestWrongKeysAreRefusedAndSlowed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.stranger()
	for _, key := range []string{"", "alma_wrong", strings.Repeat("x", 40_000), r.admin + "x"} {
		p := s.post("/signin", url.Values{"key": {key}})
		if p.status != http.StatusUnauthorized || p.header.Get("Set-Cookie") != "" || key != "" && strings.Contains(p.body, key) {
			t.Errorf("a key of %d characters: %d", len(key), p.status)
		}
	}
	s.post("/signin", url.Values{"token": {"wrong"}})
	p := s.post("/signin", url.Values{"key": {r.admin}})
	if p.status != http.StatusTooManyRequests || p.header.Get("Retry-After") == "" {
		t.Errorf("after five wrong tries: %d", p.status)
	}
	if p := r.stranger().post("/signin", url.Values{"key": {r.admin}}, "Origin", "http://evil.example"); p.status != http.StatusForbidden {
		t.Errorf("another site signs a browser in: %d", p.status)
	}
}

// Guesses that are made at once are slowed as those are which are made one after
// another, and a right key in between does not wipe them out.
func TestGuessesAtOnceAreSlowed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.stranger()
	for range 2 {
		s.post("/signin", url.Values{"key": {"alma_wrong"}})
	}
	if p := s.post("/signin", url.Values{"key": {r.admin}}); p.status != http.StatusSeeOther {
		t.Fatalf("the right key: %d", p.status)
	}
	var through atomic.Int32
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if p := s.post("/signin", url.Values{"key": {"alma_wrong"}}); p.status == http.StatusUnauthorized {
				through.Add(1)
			}
		})
	}
	all.Wait()
	if n := through.Load(); n != 3 {
		t.Errorf("after two wrong tries %d more were looked at, want 3", n)
	}
}

// A page counts as one request of its key, however many calls it is made from.
func TestPageIsOneRequestOfItsKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	key := api.NewKey()
	hash := hashOf(key)
	err := r.store.CreateKey(t.Context(), alma.Key{ID: alma.NewKeyID(), Name: "slow", Role: alma.RoleAdmin, RateLimit: 0.01, Hash: hash[:], CreatedAt: time.Now().UTC()})
	if err != nil {
		t.Fatal(err)
	}
	token := r.sessions.Begin(hash)
	s := r.stranger()
	cookie := session.Cookie(token, false).String()
	if p := s.get("/webhooks/"+r.hook, "Cookie", cookie); p.status != http.StatusOK {
		t.Fatalf("its one request a hundred seconds: %d", p.status)
	}
	p := s.get("/webhooks/"+r.hook, "Cookie", cookie)
	if p.status != http.StatusTooManyRequests {
		t.Errorf("its second request: %d", p.status)
	}
	wantIn(t, p, "data-retry", "0.01 a second")
}

// What fetches links on its own must not use them up.
func TestLinkIsUsedUpByItsFormAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token, _ := r.sessions.Link(hashOf(r.admin))
	for range 3 {
		if p := r.stranger().get("/signin?token=" + token); p.status != http.StatusOK || p.header.Get("Set-Cookie") != "" {
			t.Fatalf("looking at a link: %d", p.status)
		}
	}
	if p := r.stranger().post("/signin", url.Values{"token": {token}}); p.status != http.StatusSeeOther || p.header.Get("Set-Cookie") == "" {
		t.Fatalf("a link does not sign in: %d", p.status)
	}
	if p := r.stranger().post("/signin", url.Values{"token": {token}}); p.status != http.StatusUnauthorized {
		t.Errorf("a link works twice: %d", p.status)
	}
}

func TestRemovedKeyEndsItsSessions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := r.visitor(r.key(alma.RoleRead, ""))
	if p := other.get("/overview"); p.status != http.StatusOK {
		t.Fatalf("overview: %d", p.status)
	}
	admin := r.visitor(r.admin)
	keys, err := r.store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	admin.get("/keys")
	if p := admin.post("/keys/"+keys[1].ID+"/remove", nil); !strings.Contains(p.body, "removed") {
		t.Fatalf("removing the key: %s", p.body)
	}
	if p := other.get("/overview"); p.path != "/signin" {
		t.Errorf("the session of a removed key lives on at %s", p.path)
	}
}
