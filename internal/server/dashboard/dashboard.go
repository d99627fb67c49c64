package dashboard

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/alma-events/alma/internal/server/session"
)

// Config says what a [Server] works with.
type Config struct {
	// API is the REST API; it gets the requests that no page answers, too.
	// Required.
	API http.Handler
	// Sessions are shared with the API. Required.
	Sessions *session.Store
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// WrongKeyDelay is how long a wrong key at sign-in waits for its answer.
	// Defaults to 300 ms.
	WrongKeyDelay time.Duration
}

// DefaultWrongKeyDelay is hardly felt by a person.
const DefaultWrongKeyDelay = 300 * time.Millisecond

// Server is the dashboard as an [http.Handler]. It may be used concurrently.
type Server struct {
	api      http.Handler
	sessions *session.Store
	logger   *slog.Logger
	delay    time.Duration
	throttle session.Throttle
	flashes  flashes
	keys     sync.Map // session.Hash → alma.Key, as it was last seen; as many as sign in: for pages while the store is away.
	mux      *http.ServeMux
	pages    map[string]*renderer
}

var _ http.Handler = (*Server)(nil)

// New returns a dashboard; it serves as soon as it is called.
func New(cfg Config) (*Server, error) {
	if cfg.API == nil || cfg.Sessions == nil {
		return nil, errors.New("alma: dashboard: Config.API and Sessions are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.WrongKeyDelay <= 0 {
		cfg.WrongKeyDelay = DefaultWrongKeyDelay
	}
	s := &Server{api: cfg.API, sessions: cfg.Sessions, logger: cfg.Logger, delay: cfg.WrongKeyDelay}
	var err error
	if s.pages, err = parsePages(); err != nil {
		return nil, fmt.Errorf("alma: dashboard: %w", err)
	}
	s.routes()
	return s, nil
}

// routes lists every page and form.
func (s *Server) routes() {
	s.mux = http.NewServeMux()
	s.mux.Handle("GET /static/", staticFiles())
	s.mux.HandleFunc("GET /signin", s.showSignIn)
	s.mux.HandleFunc("POST /signin", s.signIn)
	for pattern, handle := range map[string]func(*visit) error{
		"GET /{$}":      func(v *visit) error { return v.redirect("/overview") },
		"GET /overview": showOverview,
		"POST /signout": signOut,

		"GET /events":      showEvents,
		"GET /events/{id}": showEvent,
		"GET /live":        showLive,

		"GET /webhooks":                showWebhooks,
		"POST /webhooks":               createWebhook,
		"GET /webhooks/new":            newWebhook,
		"GET /webhooks/{id}":           showWebhook,
		"GET /webhooks/{id}/edit":      editWebhook,
		"POST /webhooks/{id}/edit":     saveWebhook,
		"POST /webhooks/{id}/test":     testWebhook,
		"POST /webhooks/{id}/rotate":   rotateSecret,
		"POST /webhooks/{id}/replay":   startReplay,
		"POST /webhooks/{id}/remove":   removeWebhook,
		"POST /webhooks/{id}/{action}": actOnWebhook,

		"GET /replays":                showReplays,
		"GET /replays/{id}":           showReplay,
		"POST /replays/{id}/{action}": actOnReplay,

		"GET /deliveries":             showDeliveries,
		"GET /deliveries/{id}":        showDelivery,
		"POST /deliveries/{id}/retry": retryDelivery,
		"GET /failed":                 showFailed,
		"POST /failed/retry":          retryFailed,

		"GET /memories":      showMemories,
		"GET /memories/{id}": showMemory,

		"GET /sources":                showSources,
		"POST /sources":               createSource,
		"POST /sources/{name}/rotate": rotateSource,
		"POST /sources/{name}/remove": removeSource,

		"GET /audit": showAudit,

		"GET /keys":              showKeys,
		"POST /keys":             createKey,
		"POST /keys/{id}/remove": removeKey,
	} {
		s.mux.Handle(pattern, s.page(handle))
	}
	s.mux.HandleFunc("/", s.elsewhere)
}

// ServeHTTP answers a request for a page, and hands others to the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isAPI(r.URL.Path) {
		s.api.ServeHTTP(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// isAPI reports whether a path is the API's, which then needs no way through
// the pages.
func isAPI(path string) bool {
	switch path {
	case "/healthz", "/readyz", "/metrics", "/openapi.json":
		return true
	}
	return strings.HasPrefix(path, "/v1/") || strings.HasPrefix(path, "/in/") || strings.HasPrefix(path, "/.well-known/")
}

// elsewhere answers where there is no page: people get one that says so,
// programs the API's answer.
func (s *Server) elsewhere(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.Contains(r.URL.Path, ".") {
		s.page(func(*visit) error { return &problem{Status: http.StatusNotFound, Detail: "There is no such page."} })(w, r)
		return
	}
	s.api.ServeHTTP(w, r)
}
