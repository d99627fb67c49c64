package api

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/alma-events/alma/internal/server/session"
)

const (
	// longestHold is how long an answer to a wrong key is held back at most; who
	// would have to wait longer is told to come again.
	longestHold = 5 * time.Second
	// maxHeld bounds the requests that are held back at once.
	maxHeld = 32
)

// guesses slows down who tries wrong keys. A key that holds is never held back,
// whoever else guesses from its address: it would be a way to lock clients out.
type guesses struct {
	throttle session.Throttle
	held     chan struct{}
}

func newGuesses() *guesses { return &guesses{held: make(chan struct{}, maxHeld)} }

// wrong notes a wrong key, holds the answer to it back as long as the address
// has to wait, and returns 0. Where that is too long, or too many wait already,
// it returns after what time the client may come again.
func (g *guesses) wrong(ctx context.Context, remote string) time.Duration {
	wait := g.throttle.Try(remote)
	if wait <= 0 || wait > longestHold {
		return wait
	}
	select {
	case g.held <- struct{}{}:
	default:
		return wait
	}
	defer func() { <-g.held }()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return g.throttle.Try(remote) // Others may have been quicker.
	case <-ctx.Done():
		return wait
	}
}

// wrongKey is the answer to a key that nobody has.
func (s *Server) wrongKey(c *call) error {
	if _, ok := bearer(c.r.Header.Get("Authorization")); ok {
		if wait := s.guesses.wrong(c.r.Context(), c.r.RemoteAddr); wait > 0 {
			return newProblem(http.StatusTooManyRequests, "too many requests with unknown keys came from this address; check the key, and try again later").
				with("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		}
	}
	return newProblem(http.StatusUnauthorized, "this API key is unknown; it may have been removed").
		with("WWW-Authenticate", `Bearer realm="alma", error="invalid_token"`)
}
