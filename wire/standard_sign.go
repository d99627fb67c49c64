package wire

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// Headers of Standard Webhooks, in the case in which they go on the wire.
const (
	HeaderWebhookID        = "webhook-id"        // The event's id; constant over retries.
	HeaderWebhookTimestamp = "webhook-timestamp" // Unix seconds of the attempt.
	HeaderWebhookSignature = "webhook-signature" // A list: "v1,<Base64>" or "v1a,<Base64>", separated by one space.
)

// Tolerance is how far the timestamp of a request may be from the present,
// in the formats standard and cloudevents: before and after it.
const Tolerance = 5 * time.Minute

// ErrTimestamp says that a request is too old, or from the future: the
// signature may hold, but belongs to another time.
var ErrTimestamp = errors.New("alma: verify: the timestamp is more than 5 minutes from the present")

// Versions of signatures.
const (
	versionHMAC    = "v1"
	versionEd25519 = "v1a"
)

// maxSignatures bounds how many signatures of one request are looked at.
const maxSignatures = 16

// SignStandard returns the value of the header webhook-signature for one
// secret ("whsec_…" or "whsk_…"): the signature of id, timestamp and the exact
// bytes of the body. The error says what is wrong with the secret.
func SignStandard(secret, id string, timestamp time.Time, body []byte) (string, error) {
	key, err := parseKey(secret)
	if err == nil && key.mac == "" && key.private == nil {
		err = errors.New("is a public key, which cannot sign")
	}
	if err != nil {
		return "", fmt.Errorf("alma: sign: the secret %w", err)
	}
	return key.sign(signedPrefix(id, strconv.FormatInt(timestamp.Unix(), 10)), body), nil
}

// signedPrefix is what stands before the body in what is signed.
func signedPrefix(id, timestamp string) []byte { return []byte(id + "." + timestamp + ".") }

func (k *standardKey) sign(prefix, body []byte) string {
	if k.private != nil {
		signature := ed25519.Sign(k.private, slices.Concat(prefix, body))
		return versionEd25519 + "," + base64.StdEncoding.EncodeToString(signature)
	}
	sum := sumOf(k.mac, prefix, body)
	return versionHMAC + "," + base64.StdEncoding.EncodeToString(sum[:])
}

// signStandard returns the three headers of one attempt, signed with every
// secret.
func signStandard(id string, body []byte, secrets []string, at time.Time) []alma.HeaderField {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	prefix := signedPrefix(id, timestamp)
	signatures := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		// What Check has passed can be parsed.
		if key, err := parseKey(secret); err == nil && (key.mac != "" || key.private != nil) {
			signatures = append(signatures, key.sign(prefix, body))
		}
	}
	return []alma.HeaderField{
		{Name: HeaderWebhookID, Value: id},
		{Name: HeaderWebhookTimestamp, Value: timestamp},
		{Name: HeaderWebhookSignature, Value: strings.Join(signatures, " ")},
	}
}

// verifyStandard checks the three headers against the exact bytes of the body.
// One signature of the list that one of the secrets made is enough.
func verifyStandard(header http.Header, body []byte, secrets []string, now time.Time) error {
	if strings.Join(header.Values(HeaderWebhookSignature), "") == "" {
		return ErrSignatureMissing
	}
	list, err := single(header, HeaderWebhookSignature)
	if err != nil {
		return err
	}
	id, err := single(header, HeaderWebhookID)
	if err != nil {
		return err
	}
	timestamp, err := single(header, HeaderWebhookTimestamp)
	if err != nil {
		return err
	}
	given, ok := parseSignatures(list)
	if !ok || strings.Contains(id, ".") { // A "." would move the border between id and timestamp.
		return ErrSignatureMalformed
	}
	if err := checkTimestamp(timestamp, now); err != nil {
		return err
	}
	return given.verify(secrets, signedPrefix(id, timestamp), body)
}

// single returns the value of a header that has to be there once.
func single(header http.Header, name string) (string, error) {
	values := header.Values(name)
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", fmt.Errorf("%w: the header %s is missing", ErrSignatureMalformed, name)
	case len(values) > 1:
		return "", fmt.Errorf("%w: the header %s is given %d times", ErrSignatureMalformed, name, len(values))
	default:
		return values[0], nil
	}
}

func checkTimestamp(text string, now time.Time) error {
	const digits = 12 // More seconds than any clock has.
	if !isDigits(text) || len(text) > digits {
		return fmt.Errorf("%w: the header %s holds no Unix seconds", ErrSignatureMalformed, HeaderWebhookTimestamp)
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return ErrSignatureMalformed
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > Tolerance || d < -Tolerance {
		return ErrTimestamp
	}
	return nil
}

// signatures are those of a request, by version.
type signatures struct{ hmac, ed25519 [][]byte }

// parseSignatures reads a list strictly. Signatures of versions that are not
// known here are passed over, as the specification asks.
func parseSignatures(list string) (s signatures, ok bool) {
	parts := strings.Split(list, " ")
	if len(parts) > maxSignatures {
		return s, false
	}
	for _, part := range parts {
		version, text, found := strings.Cut(part, ",")
		if !found || version == "" || text == "" {
			return s, false
		}
		raw, plain := decodeStrict(text)
		switch {
		case version == versionHMAC && plain && len(raw) == sha256.Size:
			s.hmac = append(s.hmac, raw)
		case version == versionEd25519 && plain && len(raw) == ed25519.SignatureSize:
			s.ed25519 = append(s.ed25519, raw)
		case version == versionHMAC || version == versionEd25519:
			return s, false
		}
	}
	return s, true
}

// verify tries every secret with every signature, so that the time does not
// tell which fitted.
func (s *signatures) verify(secrets []string, prefix, body []byte) error {
	tried, match := false, false
	for _, secret := range secrets {
		key, err := parseKey(secret)
		if err != nil {
			continue
		}
		tried = true
		match = s.fit(&key, prefix, body) || match
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

func (s *signatures) fit(key *standardKey, prefix, body []byte) bool {
	match := false
	if key.mac != "" && len(s.hmac) > 0 {
		want := sumOf(key.mac, prefix, body)
		for _, given := range s.hmac {
			match = hmac.Equal(given, want[:]) || match
		}
	}
	if key.public != nil && len(s.ed25519) > 0 {
		content := slices.Concat(prefix, body)
		for _, given := range s.ed25519 {
			match = ed25519.Verify(key.public, content, given) || match
		}
	}
	return match
}
