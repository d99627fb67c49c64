package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/secret"
)

const (
	headerIdempotency = "Idempotency-Key"
	headerReplayed    = "Idempotency-Replayed"

	maxIdempotencyKey = 255
	// finishTime bounds the storing of an answer: the client waits for it.
	finishTime = 5 * time.Second
)

// repeatable is a call under an Idempotency-Key: it is made once, and repeats of
// it get the same answer.
type repeatable struct {
	alma.Call
	keyring  *secret.Keyring // Seals the answer, which may hold a new secret.
	claimed  bool            // This request makes the call.
	replayed bool            // It was made before; its answer was given again.
}

// keptAnswer is what is stored of an answer.
type keptAnswer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   []byte            `json:"body"`
}

// keptHeaders are those that answers to calls have beside what all have.
var keptHeaders = []string{"Content-Type", "Location", "Etag"}

// begin looks whether the call was made before. It reports true when the answer
// of that time was given again.
func (s *Server) begin(c *call) (answered bool, err error) {
	key := c.r.Header.Get(headerIdempotency)
	if !c.op.repeatable || key == "" {
		return false, nil
	}
	if len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false, newProblem(http.StatusBadRequest, "the header %s: want 1 to %d visible ASCII characters, such as a UUID", headerIdempotency, maxIdempotencyKey)
	}
	if c.repeat, err = c.repeatableUnder(key); err != nil {
		return false, err
	}
	found, claimed, err := s.store.ClaimCall(c.r.Context(), c.repeat.Call)
	if c.repeat.claimed = claimed; err != nil || claimed {
		return false, err //nolint:wrapcheck // The store says what was done.
	}
	return true, s.repeat(c, found)
}

// repeatableUnder reads the body and puts it back. The answer is sealed under
// the API key and the Idempotency-Key, neither of which is stored: who reads the
// database finds no secret there, and who repeats the call brings both.
func (c *call) repeatableUnder(key string) (*repeatable, error) {
	body, err := c.readAll(maxBody)
	if err != nil {
		return nil, err
	}
	c.r.Body, c.r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	who, ok := bearer(c.r.Header.Get("Authorization"))
	if !ok { // A session of the dashboard stands for its key.
		who = string(c.key.Hash)
	}
	keyring, err := secret.New(digest([]byte(who), "seal", key))
	if err != nil {
		return nil, fmt.Errorf("alma: repeatable call: %w", err)
	}
	return &repeatable{
		Call: alma.Call{
			ID:      hex.EncodeToString(digest([]byte(c.key.ID), "id", key)),
			Request: hex.EncodeToString(digest(body, c.op.method, c.r.URL.RequestURI())),
		},
		keyring: keyring,
	}, nil
}

// digest is a keyed hash over texts that cannot run into one another.
func digest(key []byte, texts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, text := range texts {
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return h.Sum(nil)
}

// repeat gives the answer of a call that was made before.
func (s *Server) repeat(c *call, found alma.Call) error {
	switch {
	case found.Request != c.repeat.Request:
		return newProblem(http.StatusUnprocessableEntity, "this %s was used for another request within the last 24 hours; use a new one", headerIdempotency)
	case len(found.Answer) == 0:
		return newProblem(http.StatusConflict,
			"a call under this %s is under way. If that does not end, the server ended in the middle of it: see whether it was made, and use a new key", headerIdempotency).with("Retry-After", retrySoon)
	}
	var a keptAnswer
	text, err := c.repeat.keyring.Open(found.Answer, found.ID)
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err != nil {
		return newProblem(http.StatusUnprocessableEntity, "the answer of the call under this %s cannot be given again in this way; sign in as you did then", headerIdempotency)
	}
	c.repeat.replayed = true
	for name, value := range a.Header {
		c.w.Header().Set(name, value)
	}
	c.w.Header().Set(headerReplayed, "true")
	c.w.WriteHeader(a.Status)
	_, _ = c.w.Write(a.Body) // It is held back, and cannot fail.
	return nil
}

// finish keeps the answer of a call, or forgets a call that changed nothing. If
// it cannot, repeats are refused as if the call were under way: nothing is made
// twice.
func (s *Server) finish(c *call, out *held) {
	if c.repeat == nil || !c.repeat.claimed {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), finishTime)
	defer cancel()
	if out.status >= http.StatusBadRequest {
		s.warnUnfinished(ctx, s.store.ForgetCall(ctx, c.repeat.ID))
		return
	}
	a := keptAnswer{Status: out.status, Header: map[string]string{}, Body: out.body.Bytes()}
	for _, name := range keptHeaders {
		if value := out.Header().Get(name); value != "" {
			a.Header[name] = value
		}
	}
	text, err := json.Marshal(a)
	if err == nil {
		err = s.store.FinishCall(ctx, c.repeat.ID, c.repeat.keyring.Seal(text, c.repeat.ID))
	}
	s.warnUnfinished(ctx, err)
}

func (s *Server) warnUnfinished(ctx context.Context, err error) {
	if err != nil {
		s.logger.WarnContext(ctx, "what became of a repeatable call could not be stored; repeats of it are refused", "error", err)
	}
}
