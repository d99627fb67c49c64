package inbound_test

import (
	"bytes"
	"context"
	"encoding/base64"
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
	"time"

	"go.uber.org/goleak"

	"crypto/hmac"
	"crypto/sha256"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/internal/server/inbound"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
	"github.com/alma-events/alma/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secretText = "a-secret-of-both-sides"
	formerText = "the-secret-before-it"
	loan       = `{"id":"7","action":"LOAN","institution":{"value":"01MYLIB","desc":"My library"},"time":"2026-01-28T12:00:00.123Z","event":{"value":"LOAN_CREATED","desc":"Loan created"},"item_loan":{"loan_id":"23","user_id":"jo"}}`
	plain      = `{"event_type":"ORDER_PAID","memory_id":"order-17","memory_type":"order","agent":"","project_id":"shop","timestamp":"2026-01-28T12:00:00Z","data":{},"event_id":"evt_of_sender"}`
)

// world is a handler on a store of its own.
type world struct {
	t       *testing.T
	store   *sqlite.Store
	manager *webhook.Manager
	handler http.Handler
	log     *lockedBuffer
	clock   *clock
	fails   failing
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// failing stands before the manager and the store, and fails when it is told to.
type failing struct {
	inbound.Appender
	inbound.Sources
	before, after, lookUp error
}

func (f *failing) Append(ctx context.Context, list ...alma.Event) ([]alma.Appended, error) {
	if f.before != nil {
		return nil, f.before
	}
	appended, err := f.Appender.Append(ctx, list...)
	if f.after != nil {
		return nil, f.after
	}
	return appended, err
}

func (f *failing) Source(ctx context.Context, name string) (alma.Source, error) {
	if f.lookUp != nil {
		return alma.Source{}, f.lookUp
	}
	return f.Sources.Source(ctx, name)
}

func newWorld(t *testing.T, sources ...alma.Source) *world {
	t.Helper()
	w := &world{t: t, log: &lockedBuffer{}, clock: &clock{now: time.Now()}}
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	var err error
	if w.store, err = sqlite.OpenMemory(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.manager, err = webhook.New(webhook.Config{Storage: w.store, Emitter: events.New(events.Config{}), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.manager.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(w.manager.Shutdown(context.Background()), w.store.Close()); err != nil {
			t.Error(err)
		}
	})
	for _, src := range sources {
		if _, err := w.store.CreateSource(t.Context(), src); err != nil {
			t.Fatal(err)
		}
	}
	w.fails.Appender, w.fails.Sources = w.manager, w.store
	h, err := inbound.New(inbound.Config{Appender: &w.fails, Sources: &w.fails, Logger: logger, Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/in/{source}", h)
	w.handler = mux
	return w
}

func library() alma.Source {
	return alma.Source{Name: "library", Format: alma.FormatExlibris, Secret: secretText}
}

func shop() alma.Source {
	return alma.Source{Name: "shop", Format: alma.FormatAlma, Secret: secretText}
}

// send makes a request. header holds names and values in turn.
func (w *world) send(method, path, body string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

func (w *world) want(rec *httptest.ResponseRecorder, status int, parts ...string) {
	w.t.Helper()
	if rec.Code != status {
		w.t.Errorf("answered %d %s; want %d", rec.Code, rec.Body, status)
	}
	for _, part := range parts {
		if !strings.Contains(rec.Body.String(), part) {
			w.t.Errorf("the answer does not say %q: %s", part, rec.Body)
		}
	}
	if text := rec.Body.String() + w.log.String(); strings.Contains(text, secretText) || strings.Contains(text, formerText) {
		w.t.Errorf("a secret is shown: %s", text)
	}
}

// logged returns the events of the log.
func (w *world) logged() []alma.Event {
	w.t.Helper()
	page, err := w.store.Read(w.t.Context(), alma.Position{}, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return page.Events
}

func (w *world) wantLogged(n int) {
	w.t.Helper()
	if got := len(w.logged()); got != n {
		w.t.Errorf("%d events in the log, want %d", got, n)
	}
}

func sum(secret, body string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return mac.Sum(nil)
}

// exl signs as Ex Libris Alma does.
func exl(secret, body string) []string {
	return []string{"X-Exl-Signature", base64.StdEncoding.EncodeToString(sum(secret, body)), "Content-Type", "application/json;charset=UTF-8"}
}

func TestASignedBodyIsInTheLogBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	src := library()
	src.ProjectID = "mine"
	w := newWorld(t, src)
	rec := w.send("POST", "/in/library", loan, exl(secretText, loan)...)
	w.want(rec, http.StatusOK, `"accepted":1`, `"duplicates":0`)
	list := w.logged()
	if len(list) != 1 {
		t.Fatalf("%d events", len(list))
	}
	e := list[0]
	if e.Type != "LOAN_CREATED" || e.MemoryType != "item_loan" || e.MemoryID != "23" || e.ProjectID != "mine" || !strings.HasPrefix(e.ID, "in_") {
		t.Errorf("the event is %+v", e)
	}
	var answer struct {
		EventIDs []string `json:"event_ids"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || !slices.Equal(answer.EventIDs, []string{e.ID}) {
		t.Errorf("the answer names %v, %v; want %s", answer.EventIDs, err, e.ID)
	}
	if w.log.String() != "" {
		t.Errorf("logged: %s", w.log)
	}
}

func TestXML(t *testing.T) {
	t.Parallel()
	const body = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><webhook><id>7</id><action>LOAN</action><institution desc="My library">01MYLIB</institution><time>2026-01-28T12:00:00.123Z</time><event desc="Loan created">LOAN_CREATED</event><item_loan><loan_id>23</loan_id></item_loan></webhook>`
	w := newWorld(t, library())
	header := exl(secretText, body)
	header[3] = "application/xml"
	w.want(w.send("POST", "/in/library", body, header...), http.StatusOK)
	if e := w.logged()[0]; e.MemoryID != "23" || e.ProjectID != "01MYLIB" {
		t.Errorf("the event is %+v", e)
	}
}

func TestRepeatsAreRecognised(t *testing.T) {
	t.Parallel()
	second := library()
	second.Name = "other"
	w := newWorld(t, library(), second, shop())
	for i, want := range []string{`"accepted":1,"duplicates":0`, `"accepted":0,"duplicates":1`, `"accepted":0,"duplicates":1`} {
		w.want(w.send("POST", "/in/library", loan, exl(secretText, loan)...), http.StatusOK, want)
		w.want(w.send("POST", "/in/shop", plain, "X-ALMA-Signature", wire.SignAlma(secretText, []byte(plain))), http.StatusOK, want)
		if i == 2 {
			w.want(w.send("POST", "/in/other", loan, exl(secretText, loan)...), http.StatusOK, `"accepted":1`)
		}
	}
	list := w.logged()
	if len(list) != 3 || list[1].ID != "evt_of_sender" {
		t.Errorf("the log holds %v", list)
	}
}

// TestTheAnswerIsLost: the process dies, or the connection does, between the
// commit and the answer.
func TestTheAnswerIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, library())
	w.fails.after = alma.ErrUnavailable
	w.want(w.send("POST", "/in/library", loan, exl(secretText, loan)...), http.StatusServiceUnavailable)
	w.wantLogged(1)
	w.fails.after = nil
	w.want(w.send("POST", "/in/library", loan, exl(secretText, loan)...), http.StatusOK, `"duplicates":1`)
	w.wantLogged(1)
}

func TestBadSignatures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, library())
	good := exl(secretText, loan)[1]
	raw := sum(secretText, loan)
	for name, header := range map[string][]string{
		"none":                  nil,
		"empty":                 {"X-Exl-Signature", ""},
		"of another secret":     {"X-Exl-Signature", exl("another", loan)[1]},
		"of another body":       {"X-Exl-Signature", exl(secretText, loan+" ")[1]},
		"cut":                   {"X-Exl-Signature", good[:20]},
		"without its padding":   {"X-Exl-Signature", strings.TrimRight(good, "=")},
		"doubled":               {"X-Exl-Signature", good + good},
		"another case":          {"X-Exl-Signature", strings.ToUpper(good)},
		"in another alphabet":   {"X-Exl-Signature", base64.URLEncoding.EncodeToString(append(raw[:31:31], 0xff))},
		"of the former secret":  {"X-Exl-Signature", exl(formerText, loan)[1]},
		"of another format":     {"X-ALMA-Signature", wire.SignAlma(secretText, []byte(loan))},
		"given two times":       {"X-Exl-Signature", exl("another", loan)[1], "X-Exl-Signature", good},
		"nothing but a comment": {"X-Exl-Signature", "none"},
	} {
		rec := w.send("POST", "/in/library", loan, header...)
		if rec.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	for _, body := range []string{loan + "\n", strings.Replace(loan, "23", "24", 1), "", "{"} {
		w.want(w.send("POST", "/in/library", body, "X-Exl-Signature", good), http.StatusUnauthorized)
	}
	w.wantLogged(0)
}

// TestAFloodOfRefusalsIsOneLine, with how many it was on the next.
func TestAFloodOfRefusalsIsOneLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, library(), shop())
	for range 500 {
		w.send("POST", "/in/library", "PERSONAL", "X-Exl-Signature", "bm9uZQ==")
		w.send("POST", "/in/nobody", "PERSONAL")
		w.send("POST", "/in/no-body", "PERSONAL")
	}
	w.send("POST", "/in/shop", "PERSONAL")
	if n := strings.Count(w.log.String(), "\n"); n != 3 {
		t.Errorf("%d lines, want one for each source, and one for those that nobody has:\n%s", n, w.log)
	}
	w.clock.advance(time.Minute)
	w.send("POST", "/in/library", "PERSONAL")
	if text := w.log.String(); !strings.Contains(text, "refused_since=499") || strings.Contains(text, "PERSONAL") {
		t.Errorf("the log says %s", text)
	}
}

func TestSecretsOverlap(t *testing.T) {
	t.Parallel()
	src := library()
	src.FormerSecret, src.FormerUntil = formerText, time.Now().Add(time.Hour)
	w := newWorld(t, src)
	w.want(w.send("POST", "/in/library", loan, exl(formerText, loan)...), http.StatusOK)
	w.want(w.send("POST", "/in/library", loan, exl(secretText, loan)...), http.StatusOK)
	w.clock.advance(2 * time.Hour)
	w.want(w.send("POST", "/in/library", loan, exl(formerText, loan)...), http.StatusUnauthorized, "does not match")
	w.want(w.send("POST", "/in/library", loan, exl(secretText, loan)...), http.StatusOK)
}

func TestHandshakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, library())
	w.want(w.send("GET", "/in/library?challenge=a-challenge", ""), http.StatusOK, `{"challenge":"a-challenge"}`)
	w.want(w.send("GET", "/in/nobody?challenge=a-challenge", ""), http.StatusNotFound)
	for _, method := range []string{"GET", "OPTIONS", "PUT", "DELETE"} {
		rec := w.send(method, "/in/library", "")
		w.want(rec, http.StatusMethodNotAllowed)
		if got := rec.Header().Get("Allow"); got != "POST, GET, OPTIONS" {
			t.Errorf("%s: Allow %q", method, got)
		}
	}
	w.wantLogged(0)
}

func TestBodiesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shop(), library())
	sign := func(body string) []string {
		return []string{"X-ALMA-Signature", wire.SignAlma(secretText, []byte(body))}
	}
	large := `"` + strings.Repeat("x", inbound.DefaultMaxBody) + `"`
	w.want(w.send("POST", "/in/shop", large, sign(large)...), http.StatusRequestEntityTooLarge)
	w.want(w.send("POST", "/in/shop", plain, append(sign(plain), "Content-Encoding", "gzip")...), http.StatusUnsupportedMediaType)
	reserved := strings.Replace(plain, "ORDER_PAID", "ALMA_WEBHOOK_DISABLED", 1)
	for body, want := range map[string]string{
		`{"event_type":"x","timestamp":"yesterday"}`: `"memory_id"`,
		`[]`:     "empty",
		"":       "object",
		"\xff":   "UTF-8",
		reserved: `"event_type"`,
	} {
		w.want(w.send("POST", "/in/shop", body, sign(body)...), http.StatusUnprocessableEntity, want)
	}
	w.want(w.send("POST", "/in/library", "{}", exl(secretText, "{}")...), http.StatusUnprocessableEntity, `"action"`)
	for _, name := range []string{"nobody", "UPPER", "a%00b", strings.Repeat("x", 65), "%2e"} {
		w.want(w.send("POST", "/in/"+name, plain, sign(plain)...), http.StatusNotFound)
	}
	w.wantLogged(0)
}

// brokenBody ends before it was all there.
func TestABodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shop())
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/in/shop", io.MultiReader(strings.NewReader("{"), brokenReader{}))
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	w.want(rec, http.StatusBadRequest)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestTheStoreIsAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, lookUp error
		status         int
	}{
		"away":                  {alma.ErrUnavailable, nil, http.StatusServiceUnavailable},
		"away at the first":     {nil, alma.ErrUnavailable, http.StatusServiceUnavailable},
		"shutting down":         {alma.ErrClosed, nil, http.StatusServiceUnavailable},
		"disk is nearly full":   {alma.ErrLowDisk, nil, http.StatusInsufficientStorage},
		"something unforeseen":  {errors.New("token=hidden"), nil, http.StatusInternalServerError},
		"the sender went away":  {context.Canceled, nil, http.StatusServiceUnavailable},
		"it took the store too": {context.DeadlineExceeded, nil, http.StatusServiceUnavailable},
	} {
		w := newWorld(t, library())
		w.fails.before, w.fails.lookUp = c.before, c.lookUp
		rec := w.send("POST", "/in/library", loan, exl(secretText, loan)...)
		if rec.Code != c.status || strings.Contains(rec.Body.String(), "hidden") {
			t.Errorf("%s: %d %s; want %d", name, rec.Code, rec.Body, c.status)
		}
		if retry := rec.Header().Get("Retry-After"); (retry != "") != (c.status == http.StatusServiceUnavailable) {
			t.Errorf("%s: Retry-After %q", name, retry)
		}
		w.fails.before, w.fails.lookUp = nil, nil
		w.want(w.send("POST", "/in/library", loan, exl(secretText, loan)...), http.StatusOK, `"accepted":1`)
	}
}

func TestUnsignedSources(t *testing.T) {
	t.Parallel()
	w := newWorld(t, alma.Source{Name: "open", Format: alma.FormatAlma, Unsigned: true})
	w.want(w.send("POST", "/in/open", plain), http.StatusOK, "evt_of_sender")
	// Without an id in the body, the bytes are what a repeat is known by.
	bare := `[{"event_type":"ORDER_PAID","memory_id":"a"},{"event_type":"ORDER_PAID","memory_id":"b"}]`
	w.want(w.send("POST", "/in/open", bare), http.StatusOK, `"accepted":2`)
	w.want(w.send("POST", "/in/open", bare), http.StatusOK, `"duplicates":2`)
	w.wantLogged(3)
}

func TestRequired(t *testing.T) {
	t.Parallel()
	if _, err := inbound.New(inbound.Config{}); err == nil || !strings.Contains(err.Error(), "required") {
		t.Errorf("got %v", err)
	}
}
