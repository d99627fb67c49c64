package api

import (
	"context"
	"net/http"
	"time"

	"github.com/alma-events/alma"
)

// KeyUses lets tests look at limits without a server.
type KeyUses struct{ uses keyUses }

// NewKeyUses returns uses with a common limit.
func NewKeyUses(limit float64) *KeyUses { return &KeyUses{keyUses{limit: limit}} }

// Of returns the entry of a key.
func (k *KeyUses) Of(key *alma.Key) KeyUse { return KeyUse{k.uses.of(key)} }

// KeyUse is what a key does.
type KeyUse struct{ use *keyUse }

// Wait returns how long the key has to wait.
func (u KeyUse) Wait(now time.Time) time.Duration { return u.use.wait(now) }

// Document is the OpenAPI document.
func (s *Server) Document() ([]byte, error) { return s.document() }

// MaxHeld is how many answers to wrong keys wait at once.
const MaxHeld = maxHeld

// Guesses lets tests guess at keys without a server.
type Guesses struct{ guesses *guesses }

// NewGuesses returns guesses of which there was none yet.
func NewGuesses() Guesses { return Guesses{newGuesses()} }

// Wrong guesses wrong.
func (g Guesses) Wrong(ctx context.Context, remote string) time.Duration {
	return g.guesses.wrong(ctx, remote)
}

// Standings lets tests share looks at webhooks without a server.
type Standings struct{ standings standings }

// Of is standings.of, with the number of webhooks for what was seen.
func (s *Standings) Of(ctx context.Context, project string, look func() (int, error)) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/v1/stats", http.NoBody)
	if err != nil {
		return 0, err
	}
	seen, err := s.standings.of(&call{r: r, key: alma.Key{ProjectID: project}}, func(*call) (standing, error) {
		n, err := look()
		return standing{webhooks: n}, err
	})
	return seen.webhooks, err
}
