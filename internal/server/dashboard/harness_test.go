package dashboard_test

import (
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/internal/server/api"
	"github.com/alma-events/alma/internal/server/dashboard"
	"github.com/alma-events/alma/internal/server/session"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

// rig is a whole server over an in-memory store, with a listener for webhooks.
type rig struct {
	t        *testing.T
	url      string
	admin    string // A key that may do everything.
	store    *away
	manager  *webhook.Manager
	memory   *memory.Store
	sessions *session.Store
	listener *almatest.Listener
	front    *front
	rest     *api.Server

	hook, event, failed, memoryID, replay string // What furnish made.
}

// away is a store that can be taken away from the API, and be given back.
type away struct {
	*sqlite.Store
	gone atomic.Bool
	last atomic.Bool // The next deletion of a key works, and is the last that does.
	half atomic.Bool // Webhooks alone cannot be read.

	restored atomic.Pointer[alma.Position] // Where the log ends after a backup was restored.
}

func (a *away) err() error {
	if a.gone.Load() {
		return alma.ErrUnavailable
	}
	return nil
}

func (a *away) FindKey(ctx context.Context, hash []byte) (alma.Key, error) {
	if err := a.err(); err != nil {
		return alma.Key{}, err
	}
	return a.Store.FindKey(ctx, hash) //nolint:wrapcheck // As it is.
}

func (a *away) DeleteKey(ctx context.Context, id string) error {
	if a.last.Swap(false) {
		defer a.gone.Store(true)
	}
	return a.Store.DeleteKey(ctx, id) //nolint:wrapcheck // As it is.
}

func (a *away) Horizon(ctx context.Context) (alma.Position, error) {
	if err := a.err(); err != nil {
		return alma.Position{}, err
	}
	if end := a.restored.Load(); end != nil {
		return *end, nil
	}
	return a.Store.Horizon(ctx) //nolint:wrapcheck // As it is.
}

func (a *away) Read(ctx context.Context, after alma.Position, limit int) (alma.LogPage, error) {
	if err := a.err(); err != nil {
		return alma.LogPage{}, err
	}
	return a.Store.Read(ctx, after, limit) //nolint:wrapcheck // As it is.
}

func (a *away) FindEvents(ctx context.Context, q alma.EventQuery) (alma.Page[alma.Event], error) {
	if err := a.err(); err != nil {
		return alma.Page[alma.Event]{}, err
	}
	return a.Store.FindEvents(ctx, q) //nolint:wrapcheck // As it is.
}

func (a *away) Webhook(ctx context.Context, id string) (alma.Webhook, error) {
	if err := a.err(); err != nil || a.half.Load() {
		return alma.Webhook{}, alma.ErrUnavailable
	}
	return a.Store.Webhook(ctx, id) //nolint:wrapcheck // As it is.
}

// lose takes the store away. The API remembers a key that it has found for some
// seconds; it forgets all of them when one is removed, which is the last thing
// that the store does here. So nobody can be recognised, as after those seconds.
func (r *rig) lose() {
	r.t.Helper()
	hash := hashOf(r.key(alma.RoleRead, ""))
	key, err := r.store.FindKey(r.t.Context(), hash[:])
	if err != nil {
		r.t.Fatal(err)
	}
	r.store.last.Store(true)
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodDelete, r.url+"/v1/keys/"+key.ID, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.admin)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusNoContent || r.store.err() == nil {
		r.t.Fatalf("the store is still there (%d)", resp.StatusCode)
	}
}

// find gives the store back.
func (r *rig) find() { r.store.gone.Store(false) }

// front is a network that can break.
type front struct {
	next   atomic.Pointer[dashboard.Server]
	server *httptest.Server
	broken atomic.Bool
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.broken.Load() {
		panic(http.ErrAbortHandler)
	}
	f.next.Load().ServeHTTP(w, r)
}

// cut breaks every connection, and those that come.
func (f *front) cut() {
	f.broken.Store(true)
	f.server.CloseClientConnections()
}

func (f *front) mend() { f.broken.Store(false) }

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, sessions: session.New(), listener: almatest.NewListener(t)}
	store, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.store = &away{Store: store}
	r.engine()
	r.serve()
	return r
}

// engine starts what delivers.
func (r *rig) engine() {
	r.t.Helper()
	emitter := events.New(events.Config{Logger: quiet})
	var err error
	if r.manager, err = webhook.New(webhook.Config{Storage: r.store.Store, Emitter: emitter, Logger: quiet, AllowCIDRs: r.listener.AllowCIDR(), Mail: taken}); err != nil {
		r.t.Fatal(err)
	}
	if r.memory, err = memory.New(memory.Config{Storage: r.store.Store, Emitter: emitter, Logger: quiet}); err != nil {
		r.t.Fatal(err)
	}
	if err := r.manager.Start(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// reboot ends everything but the store, has something done to that, and starts
// everything anew.
func (r *rig) reboot(between func()) {
	r.t.Helper()
	if err := r.manager.Shutdown(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	between()
	r.engine()
	r.restart()
}

var quiet = slog.New(slog.DiscardHandler)

func (r *rig) serve() {
	r.t.Helper()
	r.front = &front{}
	r.start()
	srv := httptest.NewServer(r.front)
	r.front.server = srv
	r.url = srv.URL
	r.t.Cleanup(func() {
		r.rest.Close()
		srv.Close()
		if err := r.manager.Shutdown(context.Background()); err != nil {
			r.t.Error(err)
		}
		if err := r.store.Close(); err != nil {
			r.t.Error(err)
		}
	})
	var err error
	if r.admin, _, err = api.Bootstrap(r.t.Context(), r.store, ""); err != nil {
		r.t.Fatal(err)
	}
}

// start puts a fresh server behind the network.
func (r *rig) start() {
	r.t.Helper()
	var err error
	r.rest, err = api.New(api.Config{Manager: r.manager, Memory: r.memory, Store: r.store, Sessions: r.sessions, Logger: quiet, Heartbeat: 50 * time.Millisecond})
	if err != nil {
		r.t.Fatal(err)
	}
	pages, err := dashboard.New(dashboard.Config{API: r.rest, Sessions: r.sessions, Logger: quiet, WrongKeyDelay: time.Millisecond})
	if err != nil {
		r.t.Fatal(err)
	}
	r.front.next.Store(pages)
}

// restart ends the server and starts it anew: nobody is signed in any more.
func (r *rig) restart() {
	r.t.Helper()
	before := r.rest
	r.sessions = session.New()
	r.start()
	before.Close()
	r.front.server.CloseClientConnections()
}

// httptestServer serves a listener of a test, and returns its address.
func httptestServer(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	return srv.URL
}

// taken is a mail server that takes everything.
func taken(_ context.Context, m webhook.Mail) webhook.MailResult {
	return webhook.MailResult{Code: 250, Header: map[string]string{"Subject": m.Subject}, Replies: "250 OK"}
}

// key makes an API key.
func (r *rig) key(role alma.Role, project string) string {
	r.t.Helper()
	key := api.NewKey()
	hash := hashOf(key)
	err := r.store.CreateKey(r.t.Context(), alma.Key{ID: alma.NewKeyID(), Name: "test " + string(role), Role: role, ProjectID: project, Hash: hash[:], CreatedAt: time.Now().UTC()})
	if err != nil {
		r.t.Fatal(err)
	}
	return key
}

// append appends an event and returns its id.
func (r *rig) append(project string) string {
	r.t.Helper()
	id := alma.NewEventID()
	_, err := r.manager.Append(r.t.Context(), alma.Event{ID: id, Type: "LOAN_CREATED", MemoryID: "loan-1", MemoryType: "item_loan", Agent: "desk", ProjectID: project, Data: []byte(`{"title":"A <b>book</b>","due":"2026-12-01","pages":{"from":1,"to":90}}`)})
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

// furnish fills a server with one of everything: a webhook of project library
// that works, one that fails, events, a failed delivery, a memory.
func (r *rig) furnish() {
	r.t.Helper()
	ctx := r.t.Context()
	w, err := r.manager.Add(ctx, alma.WebhookConfig{URL: r.listener.URL(), Description: "Search index", ProjectID: "library", Headers: map[string]string{"X-Secret": "hidden-value"}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.hook = w.ID
	bad := almatest.NewListener(r.t)
	bad.Answer(almatest.Status(http.StatusInternalServerError))
	broken, err := r.manager.Add(ctx, alma.WebhookConfig{URL: bad.URL(), Description: "A listener that is ill", ProjectID: "library", RetryCount: new(0)})
	if err != nil {
		r.t.Fatal(err)
	}
	saved, err := r.memory.Put(ctx, alma.Memory{Type: alma.TypeHeuristic, Agent: "desk", ProjectID: "library", Data: []byte(`{"strategy":"Renew before it is due","confidence":0.8}`)})
	if err != nil {
		r.t.Fatal(err)
	}
	r.memoryID = saved.Memory.ID
	r.event = r.append("library")
	r.until("the delivery has failed", func() bool {
		page, err := r.manager.Deliveries(ctx, alma.DeliveryQuery{WebhookID: broken.ID, Status: alma.StatusFailed})
		if err != nil || len(page.Items) < 2 {
			return false
		}
		r.failed = page.Items[0].ID
		return true
	})
	replay, err := r.manager.Replay(ctx, r.hook, alma.ReplayQuery{Since: time.Now().Add(-time.Hour), Until: time.Now().Add(-time.Minute)})
	if err != nil {
		r.t.Fatal(err)
	}
	r.replay = replay.ID
	r.until("the other one has arrived", func() bool {
		page, err := r.manager.Deliveries(ctx, alma.DeliveryQuery{WebhookID: r.hook, Status: alma.StatusSuccess})
		return err == nil && len(page.Items) == 2
	})
}

// places are all pages there are, in a furnished server.
func (r *rig) places() map[string]string {
	return map[string]string{
		"overview": "/overview", "overview-7d": "/overview?range=7d", "events": "/events", "event": "/events/" + r.event, "live": "/live",
		"webhooks": "/webhooks", "webhook": "/webhooks/" + r.hook, "webhook-new": "/webhooks/new", "webhook-edit": "/webhooks/" + r.hook + "/edit",
		"deliveries": "/deliveries", "delivery": "/deliveries/" + r.failed, "failed": "/failed", "replays": "/replays", "replay": "/replays/" + r.replay,
		"audit": "/audit", "sources": "/sources", "memories": "/memories", "memory": "/memories/" + r.memoryID, "keys": "/keys",
	}
}

func (r *rig) until(what string, holds func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(almatest.Patience)
	for !holds() {
		if time.Now().After(deadline) {
			r.t.Fatalf("never came: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// visitor is a browser without script: it keeps cookies and sends forms.
type visitor struct {
	r      *rig
	client *http.Client
	csrf   string
}

// visitor signs somebody in.
func (r *rig) visitor(key string) *visitor {
	r.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	transport := &http.Transport{}
	r.t.Cleanup(transport.CloseIdleConnections)
	v := &visitor{r: r, client: &http.Client{Jar: jar, Transport: transport}}
	if p := v.post("/signin", url.Values{"key": {key}}); strings.Contains(p.path, "/signin") {
		r.t.Fatalf("not signed in: %s", p.body)
	}
	return v
}

// page is where a visitor came to.
type page struct {
	status int
	path   string // After redirects.
	body   string
	header http.Header
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func (v *visitor) do(req *http.Request) page {
	v.r.t.Helper()
	resp, err := v.client.Do(req)
	if err != nil {
		v.r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.r.t.Fatal(err)
	}
	if found := csrfField.FindStringSubmatch(string(body)); found != nil {
		v.csrf = found[1]
	}
	return page{resp.StatusCode, resp.Request.URL.Path, string(body), resp.Header}
}

func (v *visitor) get(path string, headers ...string) page {
	v.r.t.Helper()
	return v.do(v.request(http.MethodGet, path, nil, headers...))
}

// post sends a form as the pages of the session have it.
func (v *visitor) post(path string, form url.Values, headers ...string) page {
	v.r.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	if v.csrf != "" && !form.Has("csrf") {
		form.Set("csrf", v.csrf)
	}
	return v.do(v.request(http.MethodPost, path, strings.NewReader(form.Encode()), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...))
}

func (v *visitor) request(method, path string, body io.Reader, headers ...string) *http.Request {
	v.r.t.Helper()
	req, err := http.NewRequestWithContext(v.r.t.Context(), method, v.r.url+path, body)
	if err != nil {
		v.r.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

func itoa(n int64) string            { return strconv.FormatInt(n, 10) }
func hashOf(key string) session.Hash { return sha256.Sum256([]byte(key)) }
