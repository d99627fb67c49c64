package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

const (
	keyPrefix   = "alma_"
	keyRandom   = 40 // Characters of 62: 238 bits.
	keyAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	// shortestKey keeps a person from choosing a key that can be guessed.
	shortestKey = 16
)

// NewKey returns a random API key.
func NewKey() string {
	const even = 256 - 256%len(keyAlphabet) // Bytes from here on would favour some characters.
	key := make([]byte, 0, len(keyPrefix)+keyRandom)
	key = append(key, keyPrefix...)
	var b [2 * keyRandom]byte
	for len(key) < cap(key) {
		rand.Read(b[:]) // Never fails since Go 1.24.
		for _, x := range b {
			if int(x) < even && len(key) < cap(key) {
				key = append(key, keyAlphabet[int(x)%len(keyAlphabet)])
			}
		}
	}
	return string(key)
}

func hashKey(key string) []byte {
	hash := sha256.Sum256([]byte(key))
	return hash[:]
}

// Bootstrap makes the first admin key of a store that has no keys: the wanted
// one, or a random one when wanted is empty. It returns the key and true, or
// false when the store has keys already, which then stay as they are.
//
// A wanted key must have 16 to 512 visible ASCII characters.
func Bootstrap(ctx context.Context, store alma.KeyStore, wanted string) (key string, created bool, err error) {
	if wanted != "" {
		if err := CheckKey(wanted); err != nil {
			return "", false, fmt.Errorf("alma: first admin key: %w", err)
		}
	}
	keys, err := store.Keys(ctx)
	if err != nil {
		return "", false, fmt.Errorf("alma: first admin key: %w", err)
	}
	if len(keys) > 0 {
		return "", false, nil
	}
	if key = wanted; key == "" {
		key = NewKey()
	}
	err = store.CreateKey(ctx, alma.Key{
		ID: alma.NewKeyID(), Name: "first admin key", Role: alma.RoleAdmin,
		Hash: hashKey(key), CreatedAt: time.Now().UTC(),
	})
	if errors.Is(err, alma.ErrConflict) {
		return "", false, nil // Another node was quicker.
	}
	if err != nil {
		return "", false, fmt.Errorf("alma: first admin key: %w", err)
	}
	return key, true, nil
}

// CheckKey says why a key that a person chose cannot be one.
func CheckKey(key string) error {
	if len(key) < shortestKey || len(key) > maxKeyBytes || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("want %d to %d visible ASCII characters, without spaces", shortestKey, maxKeyBytes)
	}
	return nil
}

// IsKey reports whether a key is one of the store's.
func IsKey(ctx context.Context, store alma.KeyStore, key string) (bool, error) {
	_, err := store.FindKey(ctx, hashKey(key))
	if errors.Is(err, alma.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("alma: look an API key up: %w", err)
	}
	return true, nil
}
