package api

import (
	"encoding/json"
	"fmt"
	"net/http"
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
	webhooks, err := s.store.Webhooks(c.r.Context())
	if err != nil {
		return fmt.Errorf("alma: list public keys: %w", err)
	}
	now := time.Now()
	var secrets []string
	for i := range webhooks {
		secrets = append(secrets, webhooks[i].Secrets(now)...)
	}
	return c.reply(http.StatusOK, json.RawMessage(wire.JWKS(secrets...)))
}
