package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"sync"
)

// Why a signature does not hold. Errors of Verify wrap one of them and never
// hold a secret or the signature that was expected.
var (
	// ErrSignatureMissing says that the request has no signature.
	ErrSignatureMissing = errors.New("alma: verify: the signature is missing")
	// ErrSignatureMalformed says that it does not look like a signature.
	ErrSignatureMalformed = errors.New("alma: verify: the signature is malformed")
	// ErrSignatureMismatch says that no secret made it for this body.
	ErrSignatureMismatch = errors.New("alma: verify: the signature does not match the body")
	// ErrNoSecret says that there was nothing to verify with.
	ErrNoSecret = errors.New("alma: verify: no secret is configured")
)

const signaturePrefix = "sha256="

// SignAlma returns the value of the header X-ALMA-Signature: "sha256=" and the
// HMAC-SHA256 of the exact bytes of the body, in lower-case hexadecimal.
func SignAlma(secret string, body []byte) string {
	var out [len(signaturePrefix) + 2*sha256.Size]byte
	copy(out[:], signaturePrefix)
	mac := sumOf(secret, body)
	hex.Encode(out[len(signaturePrefix):], mac[:])
	return string(out[:])
}

// VerifyAlma checks the value of the header X-ALMA-Signature against the exact
// bytes of the body, in constant time. It is strict: the form must be what
// [SignAlma] writes, hexadecimal digits in lower case, because that is also
// what the documented listeners in other languages compare with.
func VerifyAlma(secret string, body []byte, signature string) error {
	return verifyAlma([]string{secret}, body, signature)
}

func verifyAlma(secrets []string, body []byte, signature string) error {
	if signature == "" {
		return ErrSignatureMissing
	}
	given, ok := parseSignature(signature)
	if !ok {
		return ErrSignatureMalformed
	}
	return matchSum(given, secrets, body)
}

// matchSum tries every secret, so that the time does not tell which fitted.
func matchSum(given [sha256.Size]byte, secrets []string, body []byte) error {
	tried, match := false, false
	for _, secret := range secrets {
		if secret == "" {
			continue // Anyone can sign with nothing.
		}
		want := sumOf(secret, body)
		match = hmac.Equal(given[:], want[:]) || match
		tried = true
	}
	switch {
	case !tried:
		return ErrNoSecret
	case !match:
		return ErrSignatureMismatch
	default:
		return nil
	}
}

func parseSignature(s string) (mac [sha256.Size]byte, ok bool) {
	if len(s) != len(signaturePrefix)+2*sha256.Size || s[:len(signaturePrefix)] != signaturePrefix {
		return mac, false
	}
	digits := s[len(signaturePrefix):]
	for i := range len(digits) {
		if c := digits[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return mac, false
		}
	}
	_, err := hex.Decode(mac[:], []byte(digits))
	return mac, err == nil
}

// macs keeps keyed hashes for reuse: to key one costs as much as to hash a
// short body. It starts afresh when it is full.
var macs = macCache{pools: make(map[string]*sync.Pool)}

const maxCachedSecrets = 4096

type macCache struct {
	mu    sync.RWMutex
	pools map[string]*sync.Pool
}

func (c *macCache) pool(secret string) *sync.Pool {
	c.mu.RLock()
	p := c.pools[secret]
	c.mu.RUnlock()
	if p != nil {
		return p
	}
	p = &sync.Pool{New: func() any { return hmac.New(sha256.New, []byte(secret)) }}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pools) >= maxCachedSecrets {
		clear(c.pools)
	}
	c.pools[secret] = p
	return p
}

func sumOf(secret string, parts ...[]byte) (sum [sha256.Size]byte) {
	pool := macs.pool(secret)
	h := pool.Get().(hash.Hash) //nolint:forcetypeassert // Nothing else is put there.
	h.Reset()
	for _, p := range parts {
		h.Write(p) // A hash never fails.
	}
	h.Sum(sum[:0])
	pool.Put(h)
	return sum
}
