// Package server runs an http.Handler on a network address: listening, the
// limits that keep slow or hostile clients from holding it, and an end that
// lets requests finish. It knows nothing of what is served; package api does.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Config says what a [Server] serves, and where.
type Config struct {
	// Addr is the TCP address to listen on, such as "127.0.0.1:2562"; port 0
	// picks a free one. Required.
	Addr string
	// Handler answers the requests. Required.
	Handler http.Handler
	// CertFile and KeyFile hold a certificate and its key in PEM: with both,
	// the server speaks https. Defaults to http.
	CertFile, KeyFile string
	// Draining is called once, when the shutdown begins: here streams that
	// would never end by themselves are ended. Defaults to nothing.
	Draining func()
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// Limits of a connection. Bodies have no common deadline, because event
// streams live as long as their clients; the handlers bound them.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	writeTimeout      = 5 * time.Minute // Streams put it off themselves.
	maxHeaderBytes    = 64 << 10
)

// Server serves HTTP from Start until Shutdown.
type Server struct {
	cfg  Config
	http *http.Server

	mu       sync.Mutex
	listener net.Listener
	serving  chan struct{} // Closed when serving has ended.
	failure  error         // Why it ended by itself.
	started  bool          // Serving.
	ended    bool
}

// New returns a server that does not listen yet. It reads the certificate, so
// that a wrong path is found before anything else starts.
func New(cfg Config) (*Server, error) {
	if cfg.Addr == "" || cfg.Handler == nil {
		return nil, errors.New("alma: http server: Config.Addr and Handler are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	s := &Server{cfg: cfg, serving: make(chan struct{})}
	s.http = &http.Server{
		Handler:           cfg.Handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      writeTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug), // Mostly strangers' broken handshakes.
	}
	if cfg.Draining != nil {
		s.http.RegisterOnShutdown(sync.OnceFunc(cfg.Draining))
	}
	if err := s.loadCertificate(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) loadCertificate() error {
	if s.cfg.CertFile == "" && s.cfg.KeyFile == "" {
		return nil
	}
	if s.cfg.CertFile == "" || s.cfg.KeyFile == "" {
		return errors.New("alma: http server: https needs both a certificate and its key; one of the two files is missing")
	}
	cert, err := tls.LoadX509KeyPair(s.cfg.CertFile, s.cfg.KeyFile)
	if err != nil {
		return fmt.Errorf("alma: http server: read the certificate: %w", err)
	}
	s.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	return nil
}

// Listen takes the address, so that a taken one is found before anything else
// is begun. Clients that connect wait until Start. A server that listens must
// be shut down.
func (s *Server) Listen(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listen(ctx)
}

func (s *Server) listen(ctx context.Context) error {
	if s.ended || s.listener != nil {
		return errors.New("alma: http server: it was started before")
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("alma: http server: %w", err)
	}
	s.listener = listener
	return nil
}

// Start begins to serve, and listens before that unless Listen has done so. It
// does not block; ctx bounds the listening alone. Once it has returned nil,
// clients can connect.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.ended {
		return errors.New("alma: http server: it was started before")
	}
	if s.listener == nil {
		if err := s.listen(ctx); err != nil {
			return err
		}
	}
	s.started = true
	go s.serve(s.listener)
	return nil
}

func (s *Server) serve(listener net.Listener) {
	defer close(s.serving)
	err := s.serveOn(listener)
	if errors.Is(err, http.ErrServerClosed) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = fmt.Errorf("alma: http server: %w", err)
	s.cfg.Logger.Error("the http server stopped by itself", "error", err)
}

func (s *Server) serveOn(listener net.Listener) error {
	if s.http.TLSConfig != nil {
		return s.http.ServeTLS(listener, "", "")
	}
	return s.http.Serve(listener)
}

// Addr returns the address that is listened on; nil before that.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Shutdown stops accepting connections, ends streams, and waits for requests
// to finish. When ctx ends before, it breaks them off and says so. It is
// idempotent.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	started, first := s.started, !s.ended
	s.ended = true
	s.mu.Unlock()
	if !started {
		return s.unlisten(first)
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("alma: http server: requests were broken off: %w", errors.Join(err, s.http.Close()))
	}
	<-s.serving
	return err
}

// unlisten gives the address of a server back that never started.
func (s *Server) unlisten(first bool) error {
	if s.listener == nil || !first {
		return nil
	}
	if err := s.listener.Close(); err != nil {
		return fmt.Errorf("alma: http server: %w", err)
	}
	return nil
}

// Run starts the server, serves until ctx ends or serving fails, and shuts it
// down, waiting for requests at most grace.
func (s *Server) Run(ctx context.Context, grace time.Duration) error {
	if err := s.Start(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-s.serving:
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := s.Shutdown(last)
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.failure, err)
}

// Ended is closed when serving has ended, by Shutdown or by itself.
func (s *Server) Ended() <-chan struct{} { return s.serving }

// URL returns where clients reach the server; "" before it listens.
func (s *Server) URL() string {
	addr := s.Addr()
	switch {
	case addr == nil:
		return ""
	case s.cfg.CertFile != "":
		return "https://" + reachable(addr)
	default:
		return "http://" + reachable(addr)
	}
}

// reachable returns an address that a browser of this machine can open: "every
// network" is none.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}
