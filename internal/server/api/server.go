package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/session"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/webhook"
	"github.com/alma-events/alma/wire"
)

// Store is what the API needs of a storage driver beside what the manager and
// the memory store do.
type Store interface {
	alma.EventLog
	alma.WebhookStore
	alma.KeyStore
	alma.SourceStore
	alma.AuditStore
	alma.CallStore
}

// Config says what a [Server] works with.
type Config struct {
	// Manager takes events and delivers them. Required. The API neither starts
	// it nor shuts it down.
	Manager *webhook.Manager
	// Memory keeps memories. Required.
	Memory *memory.Store
	// Store is the storage driver that both work on. Required.
	Store Store
	// Logger hears of failures, and of every request at level debug. Defaults
	// to slog.Default().
	Logger *slog.Logger
	// Inbound answers under /in/, where foreign systems send events. Defaults
	// to none: 404.
	Inbound http.Handler
	// Version is named in the OpenAPI document. Defaults to wire.Version.
	Version string
	// Sessions are those of the dashboard: its cookie is taken instead of a key.
	// Defaults to none.
	Sessions *session.Store
	// Metrics counts requests and answers GET /metrics. Defaults to none: then
	// there is no such path.
	Metrics Metrics
	// Trace follows a request that appends events, once its key is known. What the
	// caller names as its trace is in ctx (see [alma.TraceOf]). Defaults to none.
	Trace func(ctx context.Context, method, route, requestID string) (_ context.Context, end func(status int))
	// Heartbeat is how often a silent event stream shows that it is alive.
	// Defaults to 15 s.
	Heartbeat time.Duration
	// RateLimit is how many requests a second each key may make that has no
	// limit of its own. Defaults to none.
	RateLimit float64
}

// Metrics is told of requests, and shows all figures in the form that
// Prometheus reads.
type Metrics interface {
	http.Handler
	// Request counts an answered request; route is its pattern, not its path.
	Request(method, route string, status int, took time.Duration)
	// AuditFailed counts a change that the audit log lacks.
	AuditFailed()
}

// DefaultHeartbeat is shorter than the idle limits of common proxies.
const DefaultHeartbeat = 15 * time.Second

func (c Config) withDefaults() (Config, error) {
	if c.Manager == nil || c.Memory == nil || c.Store == nil {
		return c, errors.New("alma: rest api: Config.Manager, Memory and Store are required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Version == "" {
		c.Version = wire.Version
	}
	if c.Sessions == nil {
		c.Sessions = session.New()
	}
	if c.Heartbeat <= 0 {
		c.Heartbeat = DefaultHeartbeat
	}
	return c, nil
}

// Server is the REST API as an [http.Handler]. It may be used concurrently.
type Server struct {
	manager   *webhook.Manager
	memory    *memory.Store
	store     Store
	logger    *slog.Logger
	version   string
	heartbeat time.Duration
	sessions  *session.Store
	metrics   Metrics // May be nil.
	tracing   func(ctx context.Context, method, route, requestID string) (context.Context, func(status int))

	publicKeys keySetCache

	operations []operation
	handler    http.Handler // Everything around the routes, and the routes.
	keys       keyCache
	uses       keyUses
	guesses    *guesses
	standings  standings
	rotating   sync.Mutex // Held while a source's secret is replaced.
	inbound    http.Handler

	document func() ([]byte, error) // The OpenAPI document, made once.

	closing sync.Once
	closed  chan struct{} // Closed by Close.
}

var _ http.Handler = (*Server)(nil)

// New returns a server. It serves as soon as it is called; see [Server.Close].
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		manager: cfg.Manager, memory: cfg.Memory, store: cfg.Store, logger: cfg.Logger,
		version: cfg.Version, heartbeat: cfg.Heartbeat, inbound: cfg.Inbound, metrics: cfg.Metrics, tracing: cfg.Trace, sessions: cfg.Sessions,
		uses: keyUses{limit: cfg.RateLimit}, guesses: newGuesses(), closed: make(chan struct{}),
	}
	s.operations = s.table()
	s.document = sync.OnceValues(s.describe)
	s.handler = s.around(s.routes())
	return s, nil
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close ends the event streams, which would hold a server's shutdown up, and
// makes /readyz answer 503. Other calls go on being served. It is idempotent
// and does not wait.
func (s *Server) Close() { s.closing.Do(func() { close(s.closed) }) }

// pathInbound is where foreign systems send events.
const pathInbound = "/in/{source}"

// routes registers every operation, and what answers for all other paths.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for i := range s.operations {
		op := &s.operations[i]
		mux.Handle(op.method+" "+op.path, s.serve(op))
	}
	if s.inbound != nil {
		mux.Handle(pathInbound, s.counted(pathInbound, s.inbound))
	}
	mux.Handle("/", unrouted(mux))
	return mux
}

// unrouted answers where no operation fits: 405 when the path has other
// methods, else 404. It is slow and meets mistakes only.
func unrouted(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		probe := *r
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
			probe.Method = method
			if _, pattern := mux.Handler(&probe); pattern != "/" {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 {
			writeProblem(w, newProblem(http.StatusNotFound, "there is no such path; /openapi.json lists them all"))
			return
		}
		writeProblem(w, notAllowed(r.Method, allowed))
	})
}
