// Package metrics shows what a server does in the form that Prometheus reads.
// Names follow Prometheus' conventions: base units, _total for counters.
//
// How many series there are does not depend on what callers do: webhooks appear
// by name only as long as they are among those with the greatest lag.
package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// Config says what is shown.
type Config struct {
	// Manager delivers. Required.
	Manager *webhook.Manager
	// Store is what it works on. Required.
	Store Store
	// Figures asks the storage driver. Defaults to nil: nothing is shown of it.
	Figures func(context.Context) (StoreFigures, error)
	// Version is that of the program.
	Version string
	// Logger hears of figures that could not be read. Defaults to slog.Default().
	Logger *slog.Logger
}

// Store is what is asked of the storage.
type Store interface {
	NoticesQueued(ctx context.Context) (int64, error)
}

// Metrics answers scrapes. It may be used concurrently.
type Metrics struct {
	http     http.Handler
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	audit    prometheus.Counter
}

// requestBounds are seconds: events are taken in milliseconds, a purge may take
// minutes.
var requestBounds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

// New returns the metrics of a server.
func New(cfg Config) *Metrics {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "alma_http_requests_total", Help: "Requests to the REST API that were answered, by route and status.",
		}, []string{"method", "route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "alma_http_request_duration_seconds", Help: "How long requests to the REST API took. Event streams are left out.", Buckets: requestBounds,
		}, []string{"method", "route"}),
	}
	m.audit = prometheus.NewCounter(prometheus.CounterOpts{Name: "alma_audit_failures_total", Help: "Changes that could not be written to the audit log; the program's log names them."})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "alma_build_info", Help: "Always 1; the version is a label.", ConstLabels: prometheus.Labels{"version": cfg.Version},
	})
	build.Set(1)
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		m.requests, m.duration, m.audit, build, newEngine(cfg),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.http = promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn)})
	return m
}

// ServeHTTP answers a scrape.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.http.ServeHTTP(w, r) }

// Request counts a request to the REST API. route is its pattern, not its path.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(method, route).Observe(took.Seconds())
}

// AuditFailed counts a change that the audit log lacks.
func (m *Metrics) AuditFailed() { m.audit.Inc() }

// reasonLabel names the reason of an attempt; a success has none.
func reasonLabel(reason alma.Reason) string {
	if reason == "" {
		return "none"
	}
	return string(reason)
}
