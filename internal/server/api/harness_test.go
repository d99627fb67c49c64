package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/internal/server/api"
	"github.com/alma-events/alma/internal/server/metrics"
	"github.com/alma-events/alma/internal/server/session"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testAddress is the header that says where a request of a test comes from.
const testAddress = "X-Test-Address"

// rig is a served API over an in-memory store, with a listener for webhooks.
type rig struct {
	t        testing.TB
	url      string
	admin    string // A key that may do everything.
	store    *sqlite.Store
	manager  *webhook.Manager
	api      *api.Server
	listener *almatest.Listener
	logs     *logBuffer
	client   *http.Client
	sessions *session.Store

	address   string     // That requests seem to come from; empty: where they come from.
	described *described // What answers are held against; nil: nothing.
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newRig serves the API. wrap may stand between it and its store.
func newRig(t testing.TB, wrap ...func(api.Store) api.Store) *rig {
	t.Helper()
	return newRigOf(t, func(cfg *api.Config) {
		for _, w := range wrap {
			cfg.Store = w(cfg.Store)
		}
	})
}

// newRigOf serves the API as it is told to.
func newRigOf(t testing.TB, change func(*api.Config)) *rig {
	t.Helper()
	r := &rig{t: t, logs: &logBuffer{}, sessions: session.New(), listener: almatest.NewListener(t)}
	var err error
	if r.store, err = sqlite.OpenMemory(t.Context()); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	emitter := events.New(events.Config{Logger: logger})
	r.manager, err = webhook.New(webhook.Config{Storage: r.store, Emitter: emitter, Logger: logger, AllowCIDRs: r.listener.AllowCIDR(), Mail: taken})
	if err != nil {
		t.Fatal(err)
	}
	memories, err := memory.New(memory.Config{Storage: r.store, Emitter: emitter, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.manager.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg := api.Config{Manager: r.manager, Memory: memories, Store: r.store, Logger: logger, Sessions: r.sessions, Heartbeat: 20 * time.Millisecond,
		Metrics: metrics.New(metrics.Config{Manager: r.manager, Store: r.store, Version: "test", Logger: logger})}
	change(&cfg)
	if r.api, err = api.New(cfg); err != nil {
		t.Fatal(err)
	}
	r.described = describedBy(t, r.api)
	r.serve()
	return r
}

func (r *rig) serve() {
	r.t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if from := q.Header.Get(testAddress); from != "" {
			q.RemoteAddr = from
		}
		r.api.ServeHTTP(w, q)
	}))
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	r.url, r.client = srv.URL, &http.Client{Transport: transport}
	r.t.Cleanup(func() {
		r.api.Close()
		transport.CloseIdleConnections()
		srv.Close()
		if err := r.manager.Shutdown(context.Background()); err != nil {
			r.t.Error(err)
		}
		if err := r.store.Close(); err != nil {
			r.t.Error(err)
		}
	})
	key, created, err := api.Bootstrap(r.t.Context(), r.store, "")
	if err != nil || !created {
		r.t.Fatalf("bootstrap: created %v, %v", created, err)
	}
	r.admin = key
}

// taken is a mail server that takes everything.
func taken(_ context.Context, m webhook.Mail) webhook.MailResult {
	return webhook.MailResult{Code: 250, Header: map[string]string{"Subject": m.Subject}, Replies: "250 OK"}
}

// key makes an API key.
func (r *rig) key(role alma.Role, project string) string {
	r.t.Helper()
	return r.post("/v1/keys", map[string]any{"name": "test", "role": role, "project_id": project}).want(http.StatusCreated).text("key")
}

// reply is an answer, read to its end.
type reply struct {
	t      testing.TB
	call   string
	status int
	header http.Header
	body   []byte
}

// do makes a call. body is sent as it is when it is a string, else as JSON.
// headers are name and value in turn.
func (r *rig) do(key, method, path string, body any, headers ...string) *reply {
	r.t.Helper()
	var content io.Reader
	var sent []byte
	switch b := body.(type) {
	case nil:
	case string:
		sent = []byte(b)
		content = strings.NewReader(b)
	default:
		var err error
		if sent, err = json.Marshal(b); err != nil {
			r.t.Fatal(err)
		}
		content = bytes.NewReader(sent)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, content)
	if err != nil {
		r.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.address != "" {
		req.Header.Set(testAddress, r.address)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	a := &reply{r.t, method + " " + path, resp.StatusCode, resp.Header, text}
	if r.described != nil {
		r.described.check(r.t, a, method, path, sent)
	}
	return a
}

func (r *rig) get(path string) *reply {
	r.t.Helper()
	return r.do(r.admin, http.MethodGet, path, nil)
}

func (r *rig) post(path string, body any) *reply {
	r.t.Helper()
	return r.do(r.admin, http.MethodPost, path, body)
}

// want fails the test unless the answer has this status, and, if that is one
// of an error, the shape of a problem.
func (a *reply) want(status int) *reply {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s answered %d, want %d: %s", a.call, a.status, status, a.body)
	}
	if status < http.StatusBadRequest {
		return a
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("%s: Content-Type %q of an error", a.call, got)
	}
	for _, member := range []string{"type", "title", "detail", "errors"} {
		if a.value(member) == nil {
			a.t.Errorf("%s: the problem lacks %s: %s", a.call, member, a.body)
		}
	}
	if got := a.number("status"); got != float64(status) {
		a.t.Errorf("%s: the problem says status %v, the answer %d", a.call, got, status)
	}
	return a
}

// value finds a value by a path such as "items.0.id"; nil when it is absent.
func (a *reply) value(path string) any {
	a.t.Helper()
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.t.Fatalf("%s: %v in %s", a.call, err, a.body)
	}
	for _, step := range strings.Split(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

func (a *reply) text(path string) string {
	a.t.Helper()
	s, ok := a.value(path).(string)
	if !ok {
		a.t.Fatalf("%s: no text at %s in %s", a.call, path, a.body)
	}
	return s
}

func (a *reply) number(path string) float64 {
	a.t.Helper()
	n, ok := a.value(path).(float64)
	if !ok {
		a.t.Fatalf("%s: no number at %s in %s", a.call, path, a.body)
	}
	return n
}

// each collects a text member of the items of a listing.
func (a *reply) each(member string) []string {
	a.t.Helper()
	items, ok := a.value("items").([]any)
	if !ok {
		a.t.Fatalf("%s: no items in %s", a.call, a.body)
	}
	list := []string{}
	for i := range items {
		list = append(list, a.text("items."+strconv.Itoa(i)+"."+member))
	}
	return list
}

// locations lists the places of the faults of a problem.
func (a *reply) locations() []string {
	a.t.Helper()
	faults, _ := a.value("errors").([]any)
	list := []string{}
	for i := range faults {
		list = append(list, a.text("errors."+strconv.Itoa(i)+".location"))
	}
	return list
}

// event is a good event.
func event(memoryID, project string) map[string]any {
	return map[string]any{
		"event_type": "CREATED", "memory_id": memoryID, "memory_type": "heuristic", "agent": "qa", "project_id": project,
		"data": map[string]any{"strategy": "retry once"},
	}
}

// heuristic is a good memory.
func heuristic(strategy, project string) map[string]any {
	return map[string]any{"memory_type": "heuristic", "agent": "qa", "project_id": project, "data": map[string]any{"strategy": strategy, "confidence": 0.5}}
}

// hook registers a webhook that goes to the listener and returns its id.
func (r *rig) hook(settings map[string]any) string {
	r.t.Helper()
	body := map[string]any{"url": r.listener.URL()}
	for k, v := range settings {
		body[k] = v
	}
	return r.post("/v1/webhooks", body).want(http.StatusCreated).text("id")
}

// until asks again and again until an answer holds what is waited for.
func (r *rig) until(path string, holds func(*reply) bool) *reply {
	r.t.Helper()
	deadline := time.Now().Add(almatest.Patience)
	for {
		a := r.get(path)
		if holds(a) {
			return a
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s never held what was waited for: %s", a.call, a.body)
		}
		<-time.After(5 * time.Millisecond)
	}
}
