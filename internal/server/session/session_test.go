package session_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma/internal/server/session"
)

func TestSessionEndsWhenIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := session.New()
		token := s.Begin(session.Hash{1})
		for range 3 { // Each use puts the end off.
			time.Sleep(session.Idle - time.Second)
			if got, ok := s.Find(token); !ok || got.Key != (session.Hash{1}) || got.CSRF == "" {
				t.Fatalf("a used session is gone: %v %v", got, ok)
			}
		}
		time.Sleep(session.Idle)
		if _, ok := s.Find(token); ok {
			t.Error("an idle session lives on")
		}
	})
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	s := session.New()
	one, other := s.Begin(session.Hash{1}), s.Begin(session.Hash{1})
	s.End(one)
	if _, ok := s.Find(one); ok {
		t.Error("signed out, and still in")
	}
	if _, ok := s.Find(other); !ok {
		t.Error("another session of the same key ended too")
	}
	if _, ok := s.Find(""); ok {
		t.Error("no token is a session")
	}
}

func TestLinkWorksOnceAndNotForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := session.New()
		token, ends := s.Link(session.Hash{7})
		if got := time.Until(ends); got != session.LinkLife {
			t.Errorf("a link lives %s", got)
		}
		if key, ok := s.Redeem(token); !ok || key != (session.Hash{7}) {
			t.Error("a fresh link does not work")
		}
		if _, ok := s.Redeem(token); ok {
			t.Error("a link worked twice")
		}
		token, _ = s.Link(session.Hash{7})
		time.Sleep(session.LinkLife)
		if _, ok := s.Redeem(token); ok {
			t.Error("a link worked after its end")
		}
	})
}

func TestStoreIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := session.New()
		first := s.Begin(session.Hash{1})
		time.Sleep(time.Second)
		second := s.Begin(session.Hash{2})
		for range 10_000 - 1 {
			s.Begin(session.Hash{3})
		}
		if _, ok := s.Find(first); ok {
			t.Error("the session that was idle longest is kept beyond the bound")
		}
		if _, ok := s.Find(second); !ok {
			t.Error("more than one session gave way")
		}
	})
}

// wrongTry makes a try that is let through.
func wrongTry(t *testing.T, th *session.Throttle, from string) {
	t.Helper()
	if w := th.Try(from); w != 0 {
		t.Fatalf("a try of %s has to wait %s", from, w)
	}
}

func TestThrottleGrowsAndForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var th session.Throttle
		const from = "192.0.2.1:1234"
		for range 5 { // Mistyped keys wait for nothing.
			wrongTry(t, &th, from)
		}
		for _, seconds := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
			w := th.Try("192.0.2.1:9")
			if w.Seconds() != float64(seconds) {
				t.Fatalf("waits %s, want %d s", w, seconds)
			}
			time.Sleep(w)
			wrongTry(t, &th, from)
		}
		wrongTry(t, &th, "192.0.2.2:1234") // Another address.
		time.Sleep(2 * time.Hour)
		for range 5 {
			wrongTry(t, &th, from)
		}
	})
}

// Whoever has a key must not be able to guess at others by using it in between.
func TestThrottleIsNotResetByARightTry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var th session.Throttle
		const from = "192.0.2.1:1234"
		wrong := 0
		for range 10 {
			for range 4 {
				if th.Try(from) == 0 {
					wrong++
				}
			}
			if th.Try(from) == 0 {
				th.Right(from)
			}
		}
		if wrong != 5 {
			t.Errorf("%d guesses went through at once, want 5", wrong)
		}
		time.Sleep(time.Second)
		if w := th.Try(from); w != 0 { // A right one is not held up for longer than a wrong one.
			t.Errorf("it waits another %s", w)
		}
	})
	var th session.Throttle
	for range 20 {
		wrongTry(t, &th, "192.0.2.7:1")
		th.Right("192.0.2.7:1") // Right ones alone are never slowed.
	}
}

// Tries that are made at once are counted one by one.
func TestThrottleCountsTriesThatAreUnderWay(t *testing.T) {
	t.Parallel()
	var th session.Throttle
	var through atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if th.Try("192.0.2.1:1") == 0 {
				through.Add(1)
			}
		})
	}
	all.Wait()
	if n := through.Load(); n != 5 {
		t.Errorf("%d tries went through at once, want 5", n)
	}
}

func TestThrottleCountsIPv6NetworksAndIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var th session.Throttle
		for i := range 5 {
			wrongTry(t, &th, fmt.Sprintf("[2001:db8::%x]:80", i+1))
		}
		if th.Try("[2001:db8::ffff]:80") == 0 {
			t.Error("another address of the same network need not wait")
		}
		time.Sleep(time.Second)
		for i := range 5000 {
			wrongTry(t, &th, fmt.Sprintf("10.0.%d.%d:80", i/256, i%256))
		}
		for range 5 {
			wrongTry(t, &th, "nonsense")
		}
		if th.Try("other nonsense") == 0 {
			t.Error("addresses that cannot be read are not slowed")
		}
	})
}

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		site, origin string
		want         bool
	}{
		{"", "", true},
		{"same-origin", "", true},
		{"none", "", true},
		{"same-origin", "http://alma.example:2562", true},
		{"", "https://alma.example:2562", true}, // Behind a proxy that ends TLS.
		{"same-site", "", false},
		{"cross-site", "", false},
		{"", "http://evil.example", false},
		{"same-origin", "http://evil.example", false},
		{"", "null", false},
		{"", "http://alma.example:2563", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "http://alma.example:2562/x", nil)
		r.Header.Set("Sec-Fetch-Site", tc.site)
		r.Header.Set("Origin", tc.origin)
		if got := session.SameOrigin(r); got != tc.want {
			t.Errorf("Sec-Fetch-Site %q, Origin %q: %v", tc.site, tc.origin, got)
		}
	}
}

func TestCookieFlags(t *testing.T) {
	t.Parallel()
	c := session.Cookie("t", false)
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Secure || c.Domain != "" {
		t.Errorf("cookie %s", c)
	}
	if !session.Cookie("t", true).Secure {
		t.Error("over TLS the cookie may travel in the clear")
	}
}
