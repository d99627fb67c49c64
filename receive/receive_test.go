package receive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Wrap(m)) }

const secret = "your-secret-key"

func body(ids ...string) []byte {
	var b bytes.Buffer
	for i, id := range ids {
		b.WriteString(map[bool]string{true: "[", false: ","}[i == 0])
		b.WriteString(`{"event_type":"CREATED","memory_id":"1","event_id":"` + id + `","data":{}}`)
	}
	b.WriteString("]")
	return b.Bytes()
}

// delivery returns a signed request.
func delivery(body []byte) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/hook", bytes.NewReader(body))
	r.Header.Set(wire.HeaderSignature, wire.SignAlma(secret, body))
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// recorder is a Handle function that remembers ids and can fail.
type recorder struct {
	mu  sync.Mutex
	ids []string
	err error
}

func (r *recorder) handle(_ context.Context, e alma.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	r.ids = append(r.ids, e.ID)
	return nil
}

func handler(t *testing.T, cfg receive.Config) *receive.Handler {
	t.Helper()
	if cfg.Secrets == nil && !cfg.Unsigned {
		cfg.Secrets = []string{secret}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	h, err := receive.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// endless is a body of as many bytes as the reader asks for.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// TestHostileRequests: nothing that is not verified reaches the function, and
// no answer or log line tells a secret.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	good := body("evt_1")
	signature := wire.SignAlma(secret, good)
	signed := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(wire.HeaderSignature, value) }
	}
	for _, c := range []struct {
		name   string
		change func(r *http.Request)
		status int
		detail string
	}{
		{"no signature", func(r *http.Request) { r.Header.Del(wire.HeaderSignature) }, 401, "the signature is missing"},
		{"empty signature", signed(""), 401, "the signature is missing"},
		{"truncated signature", signed(signature[:40]), 401, "the signature is malformed"},
		{"re-cased signature", signed(strings.ToUpper(signature)), 401, "the signature is malformed"},
		{"doubled signature", func(r *http.Request) { r.Header.Add(wire.HeaderSignature, signature) }, 401, "the signature is malformed"},
		{"joined signature", signed(signature + "," + signature), 401, "the signature is malformed"},
		{"another secret's signature", signed(wire.SignAlma("other", good)), 401, "the signature does not match the body"},
		{"the empty secret's signature", signed(wire.SignAlma("", good)), 401, "the signature does not match the body"},
		{"one byte of the body changed", func(r *http.Request) {
			changed := bytes.Replace(good, []byte("CREATED"), []byte("CREATEE"), 1)
			r.Body = io.NopCloser(bytes.NewReader(changed))
		}, 401, "the signature does not match the body"},
		{"a space after the body", func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(append(good, ' '))), -1 }, 401, "the signature does not match the body"},
		{"100 MB announced", func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(&endless{}), 100<<20 }, 413, "the body is larger than is taken here"},
		{"endless chunks", func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(&endless{}), -1 }, 413, "the body is larger than is taken here"},
		{"cut off", func(r *http.Request) { r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), errReader{})) }, 400, "the body did not arrive whole"},
		{"gzip", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415, "compressed bodies are not taken"},
		{"two encodings", func(r *http.Request) { r.Header["Content-Encoding"] = []string{"identity", "gzip"} }, 415, "compressed bodies are not taken"},
		{"GET", func(r *http.Request) { r.Method = http.MethodGet }, 405, "deliveries are made with POST"},
		{"PUT", func(r *http.Request) { r.Method = http.MethodPut }, 405, "deliveries are made with POST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var rec recorder
			var logged bytes.Buffer
			h := handler(t, receive.Config{Handle: rec.handle, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
			r := delivery(good)
			c.change(r)
			w := serve(h, r)
			var p struct {
				Status int
				Detail string
			}
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Fatalf("no problem: %v\n%s", err, w.Body)
			}
			if w.Code != c.status || p.Status != c.status || p.Detail != c.detail {
				t.Errorf("%d %+v; want %d %s", w.Code, p, c.status, c.detail)
			}
			if c.status == 405 && w.Header().Get("Allow") != "POST" {
				t.Errorf("Allow %q", w.Header().Get("Allow"))
			}
			if len(rec.ids) > 0 {
				t.Errorf("handled %v", rec.ids)
			}
			if all := w.Body.String() + logged.String(); strings.Contains(all, secret) || strings.Contains(all, signature[7:]) {
				t.Errorf("a secret or a right signature is told: %s", all)
			}
		})
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestReadsNoMoreThanTheCap: a large body costs neither memory nor time.
func TestReadsNoMoreThanTheCap(t *testing.T) {
	t.Parallel()
	var rec recorder
	h := handler(t, receive.Config{Handle: rec.handle, MaxBody: 1000})
	var b endless
	r := delivery(nil)
	r.Body, r.ContentLength = io.NopCloser(&b), -1
	if w := serve(h, r); w.Code != http.StatusRequestEntityTooLarge || b.read > 4096 {
		t.Errorf("answered %d after %d bytes", w.Code, b.read)
	}
}

func TestTaken(t *testing.T) {
	t.Parallel()
	largest := []byte(`{"event_type":"CREATED","memory_id":"1","event_id":"evt_1","data":{"a":"` + strings.Repeat("a", alma.MaxEventBytes-8) + `"}}`)
	for _, c := range []struct {
		name string
		r    *http.Request
		cfg  receive.Config
		want []string
	}{
		{"array", delivery(body("evt_1", "evt_2")), receive.Config{}, []string{"evt_1", "evt_2"}},
		{"object", delivery(bytes.Trim(body("evt_1"), "[]")), receive.Config{}, []string{"evt_1"}},
		{"no id", delivery([]byte(`{"event_type":"CREATED","memory_id":"1"}`)), receive.Config{}, []string{"sha256_71b1e192c2e7397b81ca7b6f456ad519b08c35cfb235ac5a6a2432146b56fab5"}},
		{"twice in one batch", delivery(body("evt_1", "evt_1")), receive.Config{}, []string{"evt_1"}},
		{"largest event", delivery(largest), receive.Config{}, []string{"evt_1"}},
		{"old secret during a rotation", delivery(body("evt_1")), receive.Config{Secrets: []string{"new", secret}}, []string{"evt_1"}},
		{"unsigned", httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", bytes.NewReader(body("evt_1"))), receive.Config{Unsigned: true}, []string{"evt_1"}},
		{"chunked", chunked(delivery(body("evt_1"))), receive.Config{}, []string{"evt_1"}},
		{"identity", encoded(delivery(body("evt_1"))), receive.Config{}, []string{"evt_1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var rec recorder
			c.cfg.Handle = rec.handle
			if w := serve(handler(t, c.cfg), c.r); w.Code != http.StatusNoContent || w.Body.Len() > 0 {
				t.Errorf("answered %d %s; want an empty 204", w.Code, w.Body)
			}
			if !slices.Equal(rec.ids, c.want) {
				t.Errorf("handled %q; want %q", rec.ids, c.want)
			}
		})
	}
}

func chunked(r *http.Request) *http.Request {
	r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
	return r
}

func encoded(r *http.Request) *http.Request {
	r.Header.Set("Content-Encoding", "identity")
	return r
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	var rec recorder
	w := serve(handler(t, receive.Config{Handle: rec.handle}), delivery([]byte(`[{"event_type":"CREATED","memory_id":"1"},{"event_type":"x"}]`)))
	var p struct{ Errors []alma.Fault }
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusBadRequest || len(p.Errors) != 2 || p.Errors[0].Field != "[1].event_type" || len(rec.ids) > 0 {
		t.Errorf("answered %d with %v, handled %v", w.Code, p.Errors, rec.ids)
	}
}

// TestFailureIsRepeated: a function that fails gets the event again, and a
// delivery that was handled is not handed over twice.
func TestFailureIsRepeated(t *testing.T) {
	t.Parallel()
	rec := recorder{err: errors.New("database gone: " + secret)}
	h := handler(t, receive.Config{Handle: rec.handle})
	w := serve(h, delivery(body("evt_1")))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "database") {
		t.Errorf("answered %d %s; want a 500 that keeps the cause to itself", w.Code, w.Body)
	}
	rec.err = nil
	for range 3 {
		if w := serve(h, delivery(body("evt_1"))); w.Code != http.StatusNoContent {
			t.Errorf("answered %d; want 204", w.Code)
		}
	}
	if !slices.Equal(rec.ids, []string{"evt_1"}) {
		t.Errorf("handled %v; want evt_1 once", rec.ids)
	}
}

func TestPanicIsRepeated(t *testing.T) {
	t.Parallel()
	calls := 0
	h := handler(t, receive.Config{Handle: func(context.Context, alma.Event) error {
		if calls++; calls == 1 {
			panic("boom")
		}
		return nil
	}})
	if w := serve(h, delivery(body("evt_1"))); w.Code != http.StatusInternalServerError {
		t.Errorf("answered %d; want 500", w.Code)
	}
	if w := serve(h, delivery(body("evt_1"))); w.Code != http.StatusNoContent || calls != 2 {
		t.Errorf("answered %d after %d calls; want 204 after 2", w.Code, calls)
	}
}

// TestBatchFailsHalfWay: what was handled before the failure is not repeated.
func TestBatchFailsHalfWay(t *testing.T) {
	t.Parallel()
	var ids []string
	fail := true
	h := handler(t, receive.Config{Handle: func(_ context.Context, e alma.Event) error {
		if e.ID == "evt_2" && fail {
			return errors.New("not now")
		}
		ids = append(ids, e.ID)
		return nil
	}})
	if w := serve(h, delivery(body("evt_1", "evt_2", "evt_3"))); w.Code != http.StatusInternalServerError {
		t.Errorf("answered %d; want 500", w.Code)
	}
	fail = false
	if w := serve(h, delivery(body("evt_1", "evt_2", "evt_3"))); w.Code != http.StatusNoContent {
		t.Errorf("answered %d; want 204", w.Code)
	}
	if want := []string{"evt_1", "evt_2", "evt_3"}; !slices.Equal(ids, want) {
		t.Errorf("handled %v; want %v", ids, want)
	}
}

func TestHandleBatch(t *testing.T) {
	t.Parallel()
	var sizes []int
	fail := true
	h := handler(t, receive.Config{HandleBatch: func(_ context.Context, events []alma.Event) error {
		sizes = append(sizes, len(events))
		if fail {
			return errors.New("not now")
		}
		return nil
	}})
	codes := []int{serve(h, delivery(body("evt_1", "evt_2"))).Code}
	fail = false
	for _, ids := range [][]string{{"evt_1", "evt_2"}, {"evt_1", "evt_2"}, {"evt_2", "evt_3"}} {
		codes = append(codes, serve(h, delivery(body(ids...))).Code)
	}
	if !slices.Equal(codes, []int{500, 204, 204, 204}) || !slices.Equal(sizes, []int{2, 2, 1}) {
		t.Errorf("answered %v, called with %v events", codes, sizes)
	}
}

// TestConcurrentRepeat: while an event is being handled, its repeat is sent
// away, and may come back.
func TestConcurrentRepeat(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	h := handler(t, receive.Config{Handle: func(context.Context, alma.Event) error {
		close(entered) // Panics when called twice.
		<-leave
		return nil
	}})
	first := make(chan int, 1)
	go func() { first <- serve(h, delivery(body("evt_1"))).Code }()
	<-entered
	if w := serve(h, delivery(body("evt_2", "evt_1"))); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
		t.Errorf("the repeat was answered %d, Retry-After %q; want 503 and 1", w.Code, w.Header().Get("Retry-After"))
	}
	close(leave)
	if code := <-first; code != http.StatusNoContent {
		t.Errorf("the first was answered %d; want 204", code)
	}
	if w := serve(h, delivery(body("evt_1"))); w.Code != http.StatusNoContent {
		t.Errorf("the late repeat was answered %d; want 204", w.Code)
	}
}

// brokenStore fails where it is told to.
type brokenStore struct {
	receive.Store
	claim, rest error
}

func (s brokenStore) Claim(ctx context.Context, id string) (receive.Claim, error) {
	if s.claim != nil {
		return 0, s.claim
	}
	return s.Store.Claim(ctx, id)
}
func (s brokenStore) Done(context.Context, string) error    { return s.rest }
func (s brokenStore) Release(context.Context, string) error { return s.rest }

func TestStoreFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		store   brokenStore
		err     error
		status  int
		handled int
	}{
		{"claim", brokenStore{claim: errors.New("gone")}, nil, 500, 0},
		{"done", brokenStore{rest: errors.New("gone")}, nil, 204, 1}, // It was handled all the same.
		{"release", brokenStore{rest: errors.New("gone")}, errors.New("not now"), 500, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.store.Store = receive.NewMemoryStore(10, receive.DefaultMaxAge)
			rec := recorder{err: c.err}
			w := serve(handler(t, receive.Config{Handle: rec.handle, Seen: c.store}), delivery(body("evt_1")))
			if w.Code != c.status || len(rec.ids) != c.handled {
				t.Errorf("answered %d, handled %v; want %d and %d", w.Code, rec.ids, c.status, c.handled)
			}
		})
	}
}

func TestConfigFaults(t *testing.T) {
	t.Parallel()
	handle := func(context.Context, alma.Event) error { return nil }
	batch := func(context.Context, []alma.Event) error { return nil }
	for _, c := range []struct {
		name   string
		cfg    receive.Config
		fields []string
	}{
		{"nothing said", receive.Config{}, []string{"secrets", "handle"}},
		{"an empty secret", receive.Config{Secrets: []string{""}, Handle: handle}, []string{"secrets"}},
		{"signed and unsigned", receive.Config{Secrets: []string{"s"}, Unsigned: true, Handle: handle}, []string{"secrets"}},
		{"two functions", receive.Config{Unsigned: true, Handle: handle, HandleBatch: batch}, []string{"handle"}},
		{"everything wrong", receive.Config{Format: "soap", MaxBody: -1}, []string{"format", "secrets", "max_body", "handle"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := receive.New(c.cfg)
			wantFaults(t, err, c.fields)
		})
	}
	_, err := receive.NewMiddleware(receive.Config{Unsigned: true, Handle: handle, Seen: receive.NewMemoryStore(1, 1)})
	wantFaults(t, err, []string{"handle", "seen"})
}

func wantFaults(t *testing.T, err error, want []string) {
	t.Helper()
	var faults *alma.ValidationError
	if !errors.As(err, &faults) {
		t.Fatalf("got %v; want a ValidationError", err)
	}
	var got []string
	for _, f := range faults.Faults {
		got = append(got, f.Field)
	}
	if !slices.Equal(got, want) {
		t.Errorf("faults of %v; want %v: %v", got, want, err)
	}
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	verify, err := receive.NewMiddleware(receive.Config{Secrets: []string{secret}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	h := verify(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	if w := serve(h, delivery(body("evt_1"))); w.Code != http.StatusAccepted || !bytes.Equal(got, body("evt_1")) {
		t.Errorf("answered %d, the next handler read %q", w.Code, got)
	}
	got = nil
	r := delivery(body("evt_1"))
	r.Header.Del(wire.HeaderSignature)
	if w := serve(h, r); w.Code != http.StatusUnauthorized || got != nil {
		t.Errorf("answered %d, the next handler read %q; want 401 before it", w.Code, got)
	}
}

// TestOverTheNetwork sends more than is taken to a real server.
func TestOverTheNetwork(t *testing.T) {
	t.Parallel()
	var rec recorder
	srv := httptest.NewServer(handler(t, receive.Config{Handle: rec.handle}))
	t.Cleanup(srv.Close)
	client := srv.Client()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, io.LimitReader(&endless{}, 100<<20))
	if err != nil {
		t.Fatal(err)
	}
	// The server may close before the client has written all; both ends are fine.
	if resp, err := client.Do(r); err == nil {
		resp.Body.Close() // The status counts.
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("answered %d; want 413", resp.StatusCode)
		}
	}
	if len(rec.ids) > 0 {
		t.Errorf("handled %v", rec.ids)
	}
}
