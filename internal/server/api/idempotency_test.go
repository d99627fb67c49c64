package api_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/internal/server/api"
)

const idempotency = "Idempotency-Key"

// repeated says what each POST is tried with; nil for those that only ask.
// What it returns are path and body of a call that succeeds.
var repeated = map[string]func(r *rig, hook string) (string, any){
	"/v1/memories/retrieve":    nil,
	"/v1/events":               fixed("/v1/events", event("m", "")),
	"/v1/memories":             fixed("/v1/memories", heuristic("s", "")),
	"/v1/memories/consolidate": fixed("/v1/memories/consolidate", map[string]any{"agent": "qa"}),
	"/v1/memories/import": fixed("/v1/memories/import", map[string]any{"memories": []any{
		map[string]any{"id": "m1", "memory_type": "heuristic", "data": map[string]any{"strategy": "s"}},
	}}),
	"/v1/webhooks":                    func(r *rig, _ string) (string, any) { return "/v1/webhooks", map[string]any{"url": r.listener.URL()} },
	"/v1/webhooks/{id}/activate":      ofHook("activate"),
	"/v1/webhooks/{id}/pause":         ofHook("pause"),
	"/v1/webhooks/{id}/resume":        ofHook("resume"),
	"/v1/webhooks/{id}/test":          ofHook("test"),
	"/v1/webhooks/{id}/replay":        ofHook("replay"),
	"/v1/webhooks/{id}/rotate-secret": ofHook("rotate-secret"),
	"/v1/deliveries/{id}/retry": func(r *rig, hook string) (string, any) {
		return "/v1/deliveries/" + r.delivered(hook) + "/retry", nil
	},
	"/v1/deliveries/retry":    fixed("/v1/deliveries/retry", map[string]any{}),
	"/v1/replays/{id}/pause":  ofReplay("pause", ""),
	"/v1/replays/{id}/resume": ofReplay("resume", "pause"),
	"/v1/replays/{id}/cancel": ofReplay("cancel", ""),
	"/v1/purge":               fixed("/v1/purge", map[string]any{"agent": "nobody"}),
	"/v1/keys":                fixed("/v1/keys", map[string]any{"name": "n", "role": "read"}),
	"/v1/sources":             fixed("/v1/sources", map[string]any{"name": "s"}),
	"/v1/sources/{id}/rotate-secret": func(r *rig, _ string) (string, any) {
		r.post("/v1/sources", map[string]any{"name": "rotated"}).want(http.StatusCreated)
		return "/v1/sources/rotated/rotate-secret", nil
	},
	"/v1/apply":         fixed("/v1/apply", map[string]any{"sources": []any{map[string]any{"name": "declared", "secret": nil}}}),
	"/v1/sessions/link": fixed("/v1/sessions/link", nil),
}

func fixed(path string, body any) func(*rig, string) (string, any) {
	return func(*rig, string) (string, any) { return path, body }
}

func ofHook(action string) func(*rig, string) (string, any) {
	return func(_ *rig, hook string) (string, any) {
		return "/v1/webhooks/" + hook + "/" + action, map[string]any{}
	}
}

// ofReplay has a replay that goes on until somebody ends it.
func ofReplay(action, before string) func(*rig, string) (string, any) {
	return func(r *rig, _ string) (string, any) {
		path := r.lastingReplay("")
		if before != "" {
			r.post(path+"/"+before, nil).want(http.StatusOK)
		}
		return path + "/" + action, nil
	}
}

// delivered returns a delivery to a webhook that has succeeded.
func (r *rig) delivered(hook string) string {
	r.t.Helper()
	r.post("/v1/events", event("m", "")).want(http.StatusAccepted)
	a := r.until("/v1/deliveries?status=SUCCESS&webhook_id="+hook, func(a *reply) bool { return len(a.each("id")) > 0 })
	return a.text("items.0.id")
}

// lastingReplay starts a replay to a webhook that is paused, and returns its path.
func (r *rig) lastingReplay(project string) string {
	r.t.Helper()
	hook := r.hook(map[string]any{"active": false, "project_id": project})
	r.post("/v1/events", event("m", project)).want(http.StatusAccepted)
	return "/v1/replays/" + r.post("/v1/webhooks/"+hook+"/replay", map[string]any{}).want(http.StatusAccepted).text("id")
}

// TestRepeatedCalls: every POST that does something does it once, and gives the
// same answer again, what it shows once included.
func TestRepeatedCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hook := r.hook(nil)
	for _, call := range slices.Sorted(maps.Keys(calls)) {
		route, isPost := strings.CutPrefix(call, "POST ")
		if !isPost {
			continue
		}
		with, known := repeated[route]
		if !known {
			t.Errorf("%s is not tried; say how it is called, or that it only asks", route)
		}
		if with == nil {
			continue
		}
		path, body := with(r, hook)
		before := len(r.audited(r.admin, "?limit=200"))
		first := r.do(r.admin, http.MethodPost, path, body, idempotency, route)
		after := len(r.audited(r.admin, "?limit=200"))
		again := r.do(r.admin, http.MethodPost, path, body, idempotency, route)
		checkRepeat(t, first, again)
		if got := len(r.audited(r.admin, "?limit=200")); got != after || after > before+1 {
			t.Errorf("%s: the audit log had %d entries, then %d, and %d after the repeat", route, before, after, got)
		}
	}
}

func checkRepeat(t *testing.T, first, again *reply) {
	t.Helper()
	if first.status >= 300 || again.status != first.status || !bytes.Equal(first.body, again.body) {
		t.Errorf("%s answered %d %s and then %d %s", first.call, first.status, first.body, again.status, again.body)
	}
	for _, name := range []string{"Location", "Etag", "Content-Type"} {
		if first.header.Get(name) != again.header.Get(name) {
			t.Errorf("%s: header %s is %q and then %q", first.call, name, first.header.Get(name), again.header.Get(name))
		}
	}
	if first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%s: Idempotency-Replayed is %q and then %q", first.call, first.header.Get("Idempotency-Replayed"), again.header.Get("Idempotency-Replayed"))
	}
}

// A repeated call changes nothing more, whatever it is.
func TestRepeatsChangeNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	twice := func(path string, body any, headers ...string) *reply {
		headers = append([]string{idempotency, path}, headers...)
		r.do(r.admin, http.MethodPost, path, body, headers...)
		return r.do(r.admin, http.MethodPost, path, body, headers...)
	}
	twice("/v1/keys", map[string]any{"name": "n", "role": "read"}).want(http.StatusCreated)
	if n := len(r.get("/v1/keys").each("id")); n != 2 {
		t.Errorf("%d keys, want the first and the one that was made", n)
	}
	twice("/v1/events", []any{event("a", ""), event("b", "")}).want(http.StatusAccepted)
	if n := len(r.get("/v1/events").each("event_id")); n != 2 {
		t.Errorf("%d events, want the two of one call", n)
	}
	hook := r.hook(nil)
	secret := twice("/v1/webhooks/"+hook+"/rotate-secret", nil).want(http.StatusOK).text("secret")
	if hint := r.get("/v1/webhooks/" + hook).text("secret_hint"); !strings.HasSuffix(secret, hint) {
		t.Error("the repeat rotated once more")
	}
	// More than other calls may say, as it may without the header.
	large := event("large", "")
	large["data"] = map[string]any{"text": strings.Repeat("x", 700<<10)}
	if a := twice("/v1/events?format=alma", []any{large, large}, "X-Request-Id", "large"); a.status == http.StatusRequestEntityTooLarge {
		t.Errorf("a batch is too large under an Idempotency-Key: %s", a.body)
	}
	// The members of a binary CloudEvent are headers: another one is another request.
	of := func(kind string) []string {
		return []string{idempotency, "ce", "Ce-Specversion", "1.0", "Ce-Id", "c1", "Ce-Source", "/s", "Ce-Type", kind}
	}
	r.do(r.admin, http.MethodPost, "/v1/events?format=cloudevents", nil, of("one")...)
	r.do(r.admin, http.MethodPost, "/v1/events?format=cloudevents", nil, of("two")...).want(http.StatusUnprocessableEntity)
}

// goneClient makes a call under an Idempotency-Key, and goes away once left is
// closed, without an answer.
func (r *rig) goneClient(path, body string, left <-chan struct{}) <-chan struct{} {
	r.t.Helper()
	ctx, leave := context.WithCancel(r.t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.admin)
	req.Header.Set(idempotency, "k")
	gone := make(chan struct{})
	go func() { <-left; leave() }()
	go func() {
		defer close(gone)
		if resp, err := r.client.Do(req); err == nil {
			resp.Body.Close()
		}
	}()
	return gone
}

// A client that goes away during the handshake finds, when it comes again, the
// webhook that it has made, and the secret.
func TestClientThatGoesAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	asked, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		close(asked)
		<-release
		_, _ = w.Write([]byte(q.URL.Query().Get("challenge")))
	}))
	defer slow.Close()
	answer := sync.OnceFunc(func() { close(release) })
	defer answer()
	body := `{"url":"` + slow.URL + `","challenge":true}`
	<-r.goneClient("/v1/webhooks", body, asked)
	r.do(r.admin, http.MethodPost, "/v1/webhooks", body, idempotency, "k").want(http.StatusConflict)
	answer()
	deadline := time.Now().Add(almatest.Patience)
	again := r.do(r.admin, http.MethodPost, "/v1/webhooks", body, idempotency, "k")
	for again.status == http.StatusConflict && time.Now().Before(deadline) {
		<-time.After(5 * time.Millisecond)
		again = r.do(r.admin, http.MethodPost, "/v1/webhooks", body, idempotency, "k")
	}
	again.want(http.StatusCreated)
	if again.header.Get("Idempotency-Replayed") != "true" || again.text("secret") == "" {
		t.Errorf("the repeat got %s", again.body)
	}
	if n := len(r.get("/v1/webhooks").each("id")); n != 1 {
		t.Errorf("there are %d webhooks, want 1", n)
	}
}

// A failure in the middle leaves open what was made: repeats are refused. What
// was refused for want of room was not begun.
func TestRepeatAfterAFailure(t *testing.T) {
	t.Parallel()
	for status, repeatedAs := range map[int]int{503: 409, 500: 409, 507: 201} {
		failing := &failingKeys{err: map[int]error{503: alma.ErrUnavailable, 500: errors.New("nobody expected it"), 507: alma.ErrLowDisk}[status]}
		r := newRig(t, func(s api.Store) api.Store { failing.Store = s; return failing })
		body := map[string]any{"name": "n", "role": "read"}
		r.do(r.admin, http.MethodPost, "/v1/keys", body, idempotency, "k").want(status)
		r.do(r.admin, http.MethodPost, "/v1/keys", body, idempotency, "k").want(repeatedAs)
	}
}

// failingKeys fails once to make a key.
type failingKeys struct {
	api.Store
	err error
}

func (f *failingKeys) CreateKey(ctx context.Context, k alma.Key) error {
	err := f.err
	if f.err = nil; err != nil {
		return err
	}
	return f.Store.CreateKey(ctx, k)
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
