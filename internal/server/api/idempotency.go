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
	"slices"
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
	key := c.idempotencyKey()
	if key == "" {
		return false, nil
	}
	if len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false, newProblem(http.StatusBadRequest, "the header %s: want 1 to %d visible ASCII characters, such as a UUID", headerIdempotency, maxIdempotencyKey)
	}
	if c.repeat, err = c.repeatableUnder(key); err != nil {
		return false, err
	}
	// From here on it does not matter whether the client is still there: it may
	// come again, and wants to find what became of its call.
	c.r = c.r.WithContext(context.WithoutCancel(c.r.Context()))
	found, claimed, err := s.store.ClaimCall(c.r.Context(), c.repeat.Call)
	if c.repeat.claimed = claimed; err != nil || claimed {
		return false, err //nolint:wrapcheck // The store says what was done.
	}
	return true, s.repeat(c, found)
}

// idempotencyKey is the one that the call is made under; empty for none.
func (c *call) idempotencyKey() string {
	if !c.op.repeatable() {
		return ""
	}
	return c.r.Header.Get(headerIdempotency)
}

// repeatableUnder reads the body and puts it back. The answer is sealed under
// the API key and the Idempotency-Key, neither of which is stored: who reads the
// database finds no secret there, and who repeats the call brings both.
func (c *call) repeatableUnder(key string) (*repeatable, error) {
	body, err := c.readAll(c.op.mostBody())
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
			Request: hex.EncodeToString(digest(body, append(c.contentHeaders(), c.op.method, c.r.URL.RequestURI())...)),
		},
		keyring: keyring,
	}, nil
}

// contentHeaders are those of a request that belong to what it asks for: what an
// event of CloudEvents has in headers, and If-Match.
func (c *call) contentHeaders() []string {
	var list []string
	for name, values := range c.r.Header {
		if name == "If-Match" || strings.HasPrefix(name, "Ce-") {
			list = append(list, name+":"+strings.Join(values, ","))
		}
	}
	slices.Sort(list)
	return list
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
			"a call under this %s is under way, or its answer is not known: the server failed or ended in the middle of it, or a purge has erased the answer. If this does not end, see whether it was made, and use a new key", headerIdempotency).with("Retry-After", retrySoon)
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

// finish keeps the answer of a call, or forgets a call that changed nothing. One
// that failed in the middle may have changed something: it stays claimed, as it
// does when finish itself fails, and repeats are refused as if it were under
// way. Nothing is made twice.
func (s *Server) finish(c *call, out *held) {
	if c.repeat == nil || !c.repeat.claimed {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), finishTime)
	defer cancel()
	if out.status >= http.StatusBadRequest {
		if changedNothing(c, out.status) {
			s.warnUnfinished(ctx, s.store.ForgetCall(ctx, c.repeat.ID))
		}
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

// changedNothing reports whether a call that was answered so was refused before
// it could change something. A full disk is found out before anything else.
func changedNothing(c *call, status int) bool {
	return !c.begun || status < http.StatusInternalServerError || status == http.StatusInsufficientStorage
}

func (s *Server) warnUnfinished(ctx context.Context, err error) {
	if err != nil {
		s.logger.WarnContext(ctx, "what became of a repeatable call could not be stored; repeats of it are refused", "error", err)
	}
}
