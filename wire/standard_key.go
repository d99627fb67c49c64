package wire

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/alma-events/alma"
)

// Prefixes of the secrets of Standard Webhooks.
const (
	prefixSecret  = "whsec_" // For HMAC-SHA256: 24 to 64 bytes.
	prefixPrivate = "whsk_"  // An Ed25519 private key: seed and public key, 64 bytes.
	prefixPublic  = "whpk_"  // An Ed25519 public key, 32 bytes.
)

// Bytes of a secret for HMAC-SHA256.
const (
	minSecretBytes = 24
	maxSecretBytes = 64
	newSecretBytes = 32
)

// standardKey is a secret, parsed: one of the members is set, or private and
// public.
type standardKey struct {
	mac     string
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

// parseKey reads a secret. Its errors say what is wrong with it and never hold
// a part of it.
func parseKey(secret string) (standardKey, error) {
	switch {
	case strings.HasPrefix(secret, prefixSecret):
		raw, err := decodeKey(secret, prefixSecret)
		if err == nil && (len(raw) < minSecretBytes || len(raw) > maxSecretBytes) {
			err = fmt.Errorf("holds %d bytes behind %s; want %d to %d, in Base64", len(raw), prefixSecret, minSecretBytes, maxSecretBytes)
		}
		return standardKey{mac: string(raw)}, err
	case strings.HasPrefix(secret, prefixPrivate):
		raw, err := decodeSized(secret, prefixPrivate, ed25519.PrivateKeySize)
		if err != nil {
			return standardKey{}, err
		}
		return standardKey{private: raw, public: raw[ed25519.SeedSize:]}, nil
	case strings.HasPrefix(secret, prefixPublic):
		raw, err := decodeSized(secret, prefixPublic, ed25519.PublicKeySize)
		return standardKey{public: raw}, err
	default:
		return standardKey{}, fmt.Errorf("begins with neither %s nor %s; want %s and 24 to 64 bytes in Base64, or leave it out to have one generated",
			prefixSecret, prefixPrivate, prefixSecret)
	}
}

func decodeSized(secret, prefix string, size int) ([]byte, error) {
	raw, err := decodeKey(secret, prefix)
	if err == nil && len(raw) != size {
		err = fmt.Errorf("holds %d bytes behind %s; want %d, in Base64", len(raw), prefix, size)
	}
	if err != nil {
		return nil, err
	}
	return raw, nil
}

func decodeKey(secret, prefix string) ([]byte, error) {
	raw, ok := decodeStrict(strings.TrimPrefix(secret, prefix))
	if !ok {
		return nil, fmt.Errorf("is not Base64 behind %s; want the standard alphabet (+ and /), padded with =", prefix)
	}
	return raw, nil
}

// decodeStrict takes nothing but what EncodeToString writes: the decoder alone
// would pass over line breaks, and bits that say nothing.
func decodeStrict(text string) ([]byte, bool) {
	raw, err := base64.StdEncoding.DecodeString(text)
	return raw, err == nil && base64.StdEncoding.EncodeToString(raw) == text
}

// newStandardSecret draws a secret for a scheme.
func newStandardSecret(scheme alma.SignatureScheme) string {
	raw := make([]byte, newSecretBytes)
	rand.Read(raw) // It never fails: it ends the program instead.
	if scheme == alma.SignatureEd25519 {
		return prefixPrivate + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(raw))
	}
	return prefixSecret + base64.StdEncoding.EncodeToString(raw)
}

// checkSigning notes what keeps a secret from signing under a scheme.
func checkSigning(f *alma.Faults, secret string, scheme alma.SignatureScheme) {
	if secret == "" {
		return
	}
	key, err := parseKey(secret)
	switch {
	case err != nil:
		f.Addf("secret", "%s", err)
	case key.private == nil && key.public != nil:
		f.Addf("secret", "is a public key (%s…), which cannot sign; want the private one (%s…)", prefixPublic, prefixPrivate)
	case key.private != nil && !coherent(key.private):
		f.Addf("secret", "its two halves do not belong together: the last 32 bytes are not the public key of the first 32")
	case key.private != nil && scheme == alma.SignatureHMAC:
		f.Addf("signature", "is %s, but the secret is a private key (%s…), which signs with %s; change one of the two", scheme, prefixPrivate, alma.SignatureEd25519)
	case key.private == nil && scheme == alma.SignatureEd25519:
		f.Addf("signature", "is %s, but the secret (%s…) signs with %s; change one of the two", scheme, prefixSecret, alma.SignatureHMAC)
	}
}

func coherent(private ed25519.PrivateKey) bool {
	return bytes.Equal(ed25519.NewKeyFromSeed(private.Seed()), private)
}

var errEmptySecret = errors.New("is empty")

// CheckVerifier reports what keeps a secret from verifying in a format: what
// a listener or an inbound source is given, which may be a public key
// (whpk_…). Formats that are unknown, or take any text, refuse the empty one
// only. The error never holds a part of the secret.
func CheckVerifier(format alma.Format, secret string) error {
	switch {
	case secret == "":
		return errEmptySecret
	case format != alma.FormatStandard && format != alma.FormatCloudEvents:
		return nil
	}
	_, err := parseKey(secret)
	return err
}
