package main

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/internal/server"
	"github.com/alma-events/alma/internal/server/api"
	"github.com/alma-events/alma/internal/server/dashboard"
	"github.com/alma-events/alma/internal/server/inbound"
	"github.com/alma-events/alma/internal/server/metrics"
	"github.com/alma-events/alma/internal/server/session"
	"github.com/alma-events/alma/internal/telemetry"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/webhook"
	"github.com/alma-events/alma/wire"
)

// nodeConfig is what a node is built from.
type nodeConfig struct {
	db      string
	listen  string
	tlsCert string
	tlsKey  string
	allow   []netip.Prefix
	rootCAs *x509.CertPool
	proxy   *url.URL // The egress proxy; nil for none.
	origin  string   // To listeners; the engine's default when empty.

	proxyResolves bool

	notify func(context.Context, webhook.Failures) error          // nil: nobody is told.
	mail   func(context.Context, webhook.Mail) webhook.MailResult // nil: there is no mail server.

	firstKey  string // The first admin key; made when empty.
	logger    *slog.Logger
	stopGrace time.Duration
	retention webhook.Retention
	name      string        // Among the nodes; made when empty.
	lease     time.Duration // The engine's default when 0.
	sealing   sealing
	lagAlert  webhook.LagAlert
	tracing   telemetry.Settings
	rateLimit float64 // Requests a second of each key; 0 = none.
}

// node is a whole server: storage, engine, memory and REST API.
type node struct {
	cfg     nodeConfig
	store   alma.Storage
	emitter *events.Emitter
	manager *webhook.Manager
	memory  *memory.Store
	traces  *telemetry.Telemetry // nil: none are recorded.
	http    *server.Server
	rest    *api.Server
	pages   *dashboard.Server

	key string // The first admin key, when it was made just now.

	secretKeyFile string // Where the key of the secrets is, when it was made just now.

	cleanup []func(context.Context) error
}

// startNode builds a node and starts it. A failure undoes what was begun.
func startNode(ctx context.Context, cfg nodeConfig) (_ *node, err error) {
	n := &node{cfg: cfg}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.stop(context.WithoutCancel(ctx)))
		}
	}()
	// The address comes first: when it is taken, nothing else has been touched.
	steps := []func(context.Context) error{n.listen, n.startTraces, n.openStore, n.startEngine, n.openMemory, n.bootstrapKey, n.serve}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// stop ends what was started, the last first.
func (n *node) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.stopGrace)
	defer cancel()
	var errs []error
	for i := len(n.cleanup) - 1; i >= 0; i-- {
		errs = append(errs, n.cleanup[i](ctx))
	}
	n.cleanup = nil
	return errors.Join(errs...)
}

func (n *node) defers(f func(context.Context) error) { n.cleanup = append(n.cleanup, f) }

// listen takes the address. Requests wait until serve.
func (n *node) listen(ctx context.Context) (err error) {
	n.http, err = server.New(server.Config{
		Addr: n.cfg.listen, CertFile: n.cfg.tlsCert, KeyFile: n.cfg.tlsKey, Logger: n.cfg.logger,
		Handler:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.pages.ServeHTTP(w, r) }),
		Draining: func() { n.rest.Close() },
	})
	if err != nil {
		return err //nolint:wrapcheck // It names the setting.
	}
	err = n.http.Listen(ctx)
	if errors.Is(err, syscall.EADDRINUSE) {
		return &inUseError{n.cfg.listen}
	}
	n.defers(n.http.Shutdown)
	return err //nolint:wrapcheck // It names the address.
}

// inUseError says that another program listens on an address.
type inUseError struct{ address string }

func (e *inUseError) Error() string {
	return e.address + " is in use: another program, perhaps another alma, listens there; stop it, or choose another address with --listen"
}

func (n *node) openStore(ctx context.Context) error {
	keys, err := n.cfg.sealing.keys(n.cfg.db)
	if err != nil {
		return err
	}
	store, err := openStorage(ctx, n.cfg.db, keys.list, n.cfg.logger)
	if err != nil {
		return keys.undo(err)
	}
	if keys.made {
		n.secretKeyFile = keys.file
	}
	n.store = store
	n.defers(func(context.Context) error { return store.Close() })
	return nil
}

func (n *node) startEngine(ctx context.Context) error {
	n.emitter = events.New(events.Config{Logger: n.cfg.logger})
	n.defers(n.emitter.Close)
	cfg := webhook.Config{
		Storage: n.store, Emitter: n.emitter, Logger: n.cfg.logger,
		AllowCIDRs: n.cfg.allow, RootCAs: n.cfg.rootCAs, EgressProxy: n.cfg.proxy, EgressProxyResolves: n.cfg.proxyResolves, Origin: n.cfg.origin, Notify: n.cfg.notify, Mail: n.cfg.mail, Grace: n.cfg.stopGrace,
		Retention: n.cfg.retention, NodeName: n.cfg.name, Lease: n.cfg.lease, LagAlert: n.cfg.lagAlert,
	}
	if n.traces != nil {
		cfg.Tracer = n.traces.Tracer()
	}
	manager, err := webhook.New(cfg)
	if err != nil {
		return err //nolint:wrapcheck // It names the setting.
	}
	n.manager = manager
	n.defers(manager.Shutdown)
	return manager.Start(ctx) //nolint:wrapcheck // It names the operation.
}

func (n *node) openMemory(context.Context) (err error) {
	n.memory, err = memory.New(memory.Config{Storage: n.store, Emitter: n.emitter, Logger: n.cfg.logger})
	return err //nolint:wrapcheck // It names the setting.
}

// bootstrapKey makes the first admin key of an empty store: the given one, or
// one that is kept beside the database file, readable by its owner alone. The file
// is written first: a key that the store knows and nobody else would lock
// everybody out.
func (n *node) bootstrapKey(ctx context.Context) error {
	keys, err := n.store.Keys(ctx)
	if err != nil || len(keys) > 0 {
		return errors.Join(err, n.checkGivenKey(ctx))
	}
	key := n.cfg.firstKey
	if key == "" && isPostgres(n.cfg.db) {
		return errNoFirstKey
	}
	if key == "" {
		key = api.NewKey()
		if err := writePrivate(n.keyFile(), key+"\n"); err != nil {
			return err
		}
		n.key = key
	}
	_, _, err = api.Bootstrap(ctx, n.store, key)
	return err //nolint:wrapcheck // It names the operation.
}

// checkGivenKey tells an operator whose key was given too late.
func (n *node) checkGivenKey(ctx context.Context) error {
	if n.cfg.firstKey == "" {
		return nil
	}
	known, err := api.IsKey(ctx, n.store, n.cfg.firstKey)
	if err == nil && !known {
		n.cfg.logger.Warn("the API key that was given is none of this database's, and does not work: only an empty database takes it as its first admin key")
	}
	return err //nolint:wrapcheck // It names the operation.
}

// signInLink returns a one-time link to the dashboard, for an admin key that
// whoever started the node knows.
func (n *node) signInLink(key string) string { return n.http.URL() + n.rest.SignInPath(key) }

func (n *node) keyFile() string { return n.cfg.db + ".key" }

// serve answers requests, and stops to before anything else is stopped.
func (n *node) serve(ctx context.Context) (err error) {
	sessions := session.New()
	request, received := n.tracedRequests()
	in, err := inbound.New(inbound.Config{Appender: n.manager, Sources: n.store, Logger: n.cfg.logger, Trace: received})
	if err != nil {
		return err //nolint:wrapcheck // It names the setting.
	}
	n.rest, err = api.New(api.Config{
		Manager: n.manager, Memory: n.memory, Store: n.store, Inbound: in, Sessions: sessions, Logger: n.cfg.logger, RateLimit: n.cfg.rateLimit, Trace: request,
		Metrics: metrics.New(metrics.Config{Manager: n.manager, Store: n.store, Figures: storeFigures(n.store), Version: wire.Version, Logger: n.cfg.logger}),
	})
	if err != nil {
		return err //nolint:wrapcheck // It names the setting.
	}
	n.pages, err = dashboard.New(dashboard.Config{API: n.rest, Sessions: sessions, Logger: n.cfg.logger})
	if err != nil {
		return err //nolint:wrapcheck // It names the setting.
	}
	n.defers(n.http.Shutdown)
	return n.http.Start(ctx) //nolint:wrapcheck // It names the address.
}
