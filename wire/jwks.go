package wire

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// PublicKey returns the public key ("whpk_…") of a private one ("whsk_…"),
// with which listeners verify. ok is false for every other secret.
func PublicKey(secret string) (key string, ok bool) {
	public := publicOf(secret)
	if public == nil {
		return "", false
	}
	return prefixPublic + base64.StdEncoding.EncodeToString(public), true
}

// publicOf returns the public key of a private one; nil for other secrets.
func publicOf(secret string) ed25519.PublicKey {
	key, err := parseKey(secret)
	if err != nil || key.private == nil {
		return nil
	}
	return key.public
}

// jwk is a public key as JSON (RFC 8037).
type jwk struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	ID        string `json:"kid"` // The key's thumbprint (RFC 7638).
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
}

// JWKS returns the public keys of the private ones among the secrets as a JSON
// Web Key Set (RFC 7517), each once, in the order given. Other secrets are
// passed over; nothing private is in it.
func JWKS(secrets ...string) []byte {
	keys := []jwk{}
	seen := map[string]bool{}
	for _, secret := range secrets {
		public := publicOf(secret)
		if public == nil || seen[string(public)] {
			continue
		}
		seen[string(public)] = true
		x := base64.RawURLEncoding.EncodeToString(public)
		sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
		keys = append(keys, jwk{
			Type: "OKP", Curve: "Ed25519", X: x, ID: base64.RawURLEncoding.EncodeToString(sum[:]), Algorithm: "EdDSA", Use: "sig",
		})
	}
	out, _ := json.Marshal(map[string][]jwk{"keys": keys}) //nolint:errchkjson // Texts always marshal.
	return out
}
