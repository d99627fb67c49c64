package api_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/api"
)

const idempotency = "Idempotency-Key"

// TestRepeatedCalls: each call that makes something makes it once, and gives
// the same answer again, what it shows once included.
func TestRepeatedCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hook := r.hook(nil)
	for path, body := range map[string]any{
		"/v1/webhooks":                     map[string]any{"url": r.listener.URL()},
		"/v1/keys":                         map[string]any{"name": "n", "role": "read"},
		"/v1/sources":                      map[string]any{"name": "s"},
		"/v1/memories":                     heuristic("s", ""),
		"/v1/webhooks/" + hook + "/replay": map[string]any{},
	} {
		first := r.do(r.admin, http.MethodPost, path, body, idempotency, path)
		again := r.do(r.admin, http.MethodPost, path, body, idempotency, path).want(first.status)
		if first.status >= 300 || !bytes.Equal(first.body, again.body) {
			t.Errorf("%s answered %d %s and then %s", path, first.status, first.body, again.body)
		}
		for _, name := range []string{"Location", "Etag", "Content-Type"} {
			if first.header.Get(name) != again.header.Get(name) {
				t.Errorf("%s: header %s is %q and then %q", path, name, first.header.Get(name), again.header.Get(name))
			}
		}
		if first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: Idempotency-Replayed is %q and then %q", path, first.header.Get("Idempotency-Replayed"), again.header.Get("Idempotency-Replayed"))
		}
	}
	if n := len(r.get("/v1/keys").each("id")); n != 2 {
		t.Errorf("%d keys, want the first and the one that was made", n)
	}
	if got := r.audited(r.admin, "?limit=200"); len(got) != 5 { // The hook of the test, and four by admins.
		t.Errorf("repeats are in the audit log: %q", got)
	}
}

func TestRepeatedCallsThatDiffer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := r.key(alma.RoleAdmin, "")
	body := map[string]any{"name": "n", "role": "read"}
	made := r.do(r.admin, http.MethodPost, "/v1/keys", body, idempotency, "k").want(http.StatusCreated)
	r.do(r.admin, http.MethodPost, "/v1/keys", map[string]any{"name": "m", "role": "read"}, idempotency, "k").want(http.StatusUnprocessableEntity)
	r.do(r.admin, http.MethodPost, "/v1/sources", body, idempotency, "k").want(http.StatusUnprocessableEntity)
	if a := r.do(other, http.MethodPost, "/v1/keys", body, idempotency, "k").want(http.StatusCreated); a.text("id") == made.text("id") {
		t.Error("a client got the answer of another one")
	}
	r.do(r.admin, http.MethodPost, "/v1/keys", body, idempotency, "with space").want(http.StatusBadRequest)
	r.do(r.admin, http.MethodPost, "/v1/keys", body, idempotency, strings.Repeat("x", 256)).want(http.StatusBadRequest)
	// What was refused made nothing, and may be put right under the same key.
	r.do(r.admin, http.MethodPost, "/v1/keys", map[string]any{"name": "n"}, idempotency, "f").want(http.StatusUnprocessableEntity)
	r.do(r.admin, http.MethodPost, "/v1/keys", body, idempotency, "f").want(http.StatusCreated)
}

// slowStore holds the making of keys up, and keeps what is stored of calls.
type slowStore struct {
	api.Store
	begun, release chan struct{}

	mu      sync.Mutex
	answers [][]byte
}

func (s *slowStore) CreateKey(ctx context.Context, k alma.Key) error {
	s.begun <- struct{}{}
	<-s.release
	return s.Store.CreateKey(ctx, k)
}

func (s *slowStore) FinishCall(ctx context.Context, id string, answer []byte) error {
	s.mu.Lock()
	s.answers = append(s.answers, slices.Clone(answer))
	s.mu.Unlock()
	return s.Store.FinishCall(ctx, id, answer)
}

func TestRepeatedCallUnderWay(t *testing.T) {
	t.Parallel()
	slow := &slowStore{begun: make(chan struct{}, 1), release: make(chan struct{})}
	r := newRig(t, func(s api.Store) api.Store { slow.Store = s; return slow })
	body := map[string]any{"name": "n", "role": "read"}
	done := make(chan *reply, 1)
	go func() { done <- r.do(r.admin, http.MethodPost, "/v1/keys", body, idempotency, "k") }()
	<-slow.begun
	r.do(r.admin, http.MethodPost, "/v1/keys", body, idempotency, "k").want(http.StatusConflict)
	close(slow.release)
	made := (<-done).want(http.StatusCreated)
	r.do(r.admin, http.MethodPost, "/v1/keys", body, idempotency, "k").want(http.StatusCreated)
	slow.mu.Lock()
	defer slow.mu.Unlock()
	if len(slow.answers) != 1 || bytes.Contains(slow.answers[0], []byte(made.text("key"))) || bytes.Contains(slow.answers[0], []byte(made.text("id"))) {
		t.Errorf("what is stored of the answer: %q", slow.answers)
	}
}
