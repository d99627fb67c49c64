package wire

import (
	"crypto/sha256"
	"encoding/base64"
)

// HeaderExlibrisSignature carries the signature of the format exlibris, in the
// case in which it goes on the wire.
const HeaderExlibrisSignature = "X-Exl-Signature"

// SignExlibris returns the value of the header X-Exl-Signature: the HMAC-SHA256
// of the exact bytes of the body, in padded Base64.
func SignExlibris(secret string, body []byte) string {
	mac := sumOf(secret, body)
	return base64.StdEncoding.EncodeToString(mac[:])
}

// VerifyExlibris checks the value of the header X-Exl-Signature against the
// exact bytes of the body, in constant time. It is strict: there is one way to
// write a signature, which is what listeners compare with.
func VerifyExlibris(secret string, body []byte, signature string) error {
	return verifyExlibris([]string{secret}, body, signature)
}

func verifyExlibris(secrets []string, body []byte, signature string) error {
	if signature == "" {
		return ErrSignatureMissing
	}
	given, ok := parseBase64Sum(signature)
	if !ok {
		return ErrSignatureMalformed
	}
	return matchSum(given, secrets, body)
}

// parseBase64Sum reads padded Base64 without line breaks, which the decoder
// would pass over, and without stray bits at its end.
func parseBase64Sum(s string) (sum [sha256.Size]byte, ok bool) {
	if len(s) != base64.StdEncoding.EncodedLen(sha256.Size) {
		return sum, false
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(s)
	return sum, err == nil && copy(sum[:], decoded) == sha256.Size
}
