package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/alma-events/alma/wire"
)

// pathKeySet is where listeners look for public keys (RFC 8615).
const pathKeySet = "/.well-known/jwks.json"

// keySet is a JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037).
type keySet struct {
	Keys []publicKey `json:"keys" nullable:"false"`
}

type publicKey struct {
	Type      string `json:"kty" doc:"OKP"`
	Curve     string `json:"crv" doc:"Ed25519"`
	X         string `json:"x" doc:"The public key, in Base64 for URLs."`
	ID        string `json:"kid" doc:"The key's thumbprint (RFC 7638)."`
	Algorithm string `json:"alg" doc:"EdDSA"`
	Use       string `json:"use" doc:"sig"`
}

// getKeySet answers with the public keys of all webhooks that sign with one,
// and during a rotation's overlap with both of them. It needs no key: what it
// tells is meant for everybody.
func (s *Server) getKeySet(c *call) error {
	set, err := s.publicKeys.get(c.r.Context(), s.store)
	if err != nil {
		return fmt.Errorf("alma: list public keys: %w", err)
	}
	return c.reply(http.StatusOK, json.RawMessage(set))
}

// keySetFresh is how long a key set serves further requests: anybody may ask,
// as often as they like, and reading all webhooks is not cheap.
const keySetFresh = time.Second

// keySetCache holds the key set that was made last.
type keySetCache struct {
	mu  sync.Mutex
	set []byte
	at  time.Time
}

func (k *keySetCache) get(ctx context.Context, store Store) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if k.set != nil && now.Sub(k.at) < keySetFresh {
		return k.set, nil
	}
	webhooks, err := store.Webhooks(ctx)
	if err != nil {
		return nil, err //nolint:wrapcheck // The caller names the operation.
	}
	var secrets []string
	for i := range webhooks {
		secrets = append(secrets, webhooks[i].Secrets(now)...)
	}
	k.set, k.at = wire.JWKS(secrets...), now
	return k.set, nil
}
