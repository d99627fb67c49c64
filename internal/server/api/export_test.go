package api

import (
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
