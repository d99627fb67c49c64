package metrics

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

const (
	// fresh is how long what was read of the store serves further scrapes, at
	// least: with very many webhooks reading takes long, and no more than a small
	// part of the time is spent on it.
	fresh     = 10 * time.Second
	readShare = 20
	// readTime bounds the reading.
	readTime = 5 * time.Second
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("alma_"+name, help, labels, nil)
}

var (
	eventsTotal     = desc("events_total", "Events that came by in the log, of all nodes.")
	deliveriesTotal = desc("deliveries_total", "Deliveries that ended on this node, by how: delivered, failed (for good) or suppressed.", "result")
	failedTotal     = desc("deliveries_failed_total", "Deliveries that ended for good without success on this node, by the last reason.", "reason")
	attemptsTotal   = desc("delivery_attempts_total", "Requests to listeners, by the reason of their failure; none for a success.", "reason")
	retriesTotal    = desc("delivery_retries_total", "Requests to listeners after the first of their delivery.")
	attemptSeconds  = desc("delivery_attempt_duration_seconds", "How long requests to listeners took.")
	latencySeconds  = desc("delivery_latency_seconds", "From the append of an event to its delivery by a first attempt.")

	webhooksByState = desc("webhooks", "Webhooks by their state.", "state")
	openBreakers    = desc("webhook_breakers_open", "Active webhooks whose circuit breaker is open: only probes are sent.")
	failingWebhooks = desc("webhooks_failing", "Active webhooks whose last attempt failed, those with an open breaker included.")
	lagEvents       = desc("webhook_lag_events", "Events that wait for their first attempt; an upper bound over 1,000. The 20 webhooks with the greatest lag, and all others as \"other\".", "webhook")
	lagSeconds      = desc("webhook_lag_seconds", "How long the oldest of them has waited; for \"other\", the longest.", "webhook")
	retriesWaiting  = desc("delivery_retries_waiting", "Deliveries that wait for a retry.")
	inFlight        = desc("requests_in_flight", "Requests to listeners that are under way on this node.")
	noticesQueued   = desc("notices_queued", "Failed deliveries that contacts are still to be told of.")
	horizonSeconds  = desc("postgres_horizon_age_seconds", "Age of the oldest transaction that holds the log back; PostgreSQL only.")
	engineUp        = desc("up", "1 while the log can be read and outcomes can be stored.")
	storeRead       = desc("store_read_success", "1 when the figures about webhooks could be read.")
)

// engine collects the figures of the delivery engine.
type engine struct {
	manager *webhook.Manager
	store   Store
	logger  *slog.Logger
	driver  func(context.Context) (StoreFigures, error) // May be nil.

	mu   sync.Mutex
	last *figures
}

// figures are what has to be asked of the store.
type figures struct {
	at       time.Time
	took     time.Duration // To read.
	webhooks summary
	notices  int64
	horizon  time.Duration
	aged     bool // There is a horizon.
	driver   *StoreFigures
}

func newEngine(cfg Config) *engine {
	return &engine{manager: cfg.Manager, store: cfg.Store, logger: cfg.Logger, driver: cfg.Figures}
}

// Describe implements [prometheus.Collector].
func (e *engine) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		eventsTotal, deliveriesTotal, failedTotal, attemptsTotal, retriesTotal, attemptSeconds, latencySeconds, webhooksByState, openBreakers, failingWebhooks,
		lagEvents, lagSeconds, retriesWaiting, inFlight, noticesQueued, horizonSeconds, engineUp, storeRead,
		storeCommits, commitTime, storeChanges, storeQueued, storeSize, storeFree, poolConns, poolWaits,
	} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (e *engine) Collect(ch chan<- prometheus.Metric) {
	e.totals(ch)
	up := 1.0
	if e.manager.Check() != nil {
		up = 0
	}
	gauge(ch, engineUp, up)
	f, err := e.read()
	if err != nil {
		e.logger.Warn("figures for a scrape cannot be read", "error", err)
		gauge(ch, storeRead, 0)
		return
	}
	gauge(ch, storeRead, 1)
	gauge(ch, noticesQueued, float64(f.notices))
	if f.aged {
		gauge(ch, horizonSeconds, f.horizon.Seconds())
	}
	f.ofStore(ch)
	f.webhooks.collect(ch)
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func counter(ch chan<- prometheus.Metric, d *prometheus.Desc, v int64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

// totals are those that the engine counts.
func (e *engine) totals(ch chan<- prometheus.Metric) {
	t := e.manager.Totals()
	counter(ch, eventsTotal, t.Events)
	counter(ch, deliveriesTotal, t.Delivered, "delivered")
	counter(ch, deliveriesTotal, t.Failed, "failed")
	counter(ch, deliveriesTotal, t.Suppressed, "suppressed")
	counter(ch, retriesTotal, t.Retries)
	for reason, n := range t.FailedBy {
		counter(ch, failedTotal, n, reasonLabel(reason))
	}
	for reason, n := range t.Attempts {
		counter(ch, attemptsTotal, n, reasonLabel(reason))
	}
	histogram(ch, attemptSeconds, &t.Duration)
	histogram(ch, latencySeconds, &t.Latency)
}

func histogram(ch chan<- prometheus.Metric, d *prometheus.Desc, h *alma.Histogram) {
	buckets := make(map[float64]uint64, len(alma.HistogramBounds))
	below := uint64(0)
	for i, bound := range alma.HistogramBounds {
		below += uint64(h.Counts[i]) //nolint:gosec // A count.
		buckets[bound.Seconds()] = below
	}
	ch <- prometheus.MustNewConstHistogram(d, uint64(h.Count()), h.Sum.Seconds(), buckets) //nolint:gosec // A count.
}

// read asks the store, unless it was asked a moment ago.
func (e *engine) read() (*figures, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last != nil && time.Since(e.last.at) < max(fresh, readShare*e.last.took) {
		return e.last, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	f := &figures{at: time.Now()}
	webhooks, err := e.manager.Overview(ctx, "")
	if err != nil {
		return nil, err //nolint:wrapcheck // It says what failed.
	}
	f.webhooks = summarize(&webhooks)
	if f.notices, err = e.store.NoticesQueued(ctx); err != nil {
		return nil, err //nolint:wrapcheck // As above.
	}
	if s, ok := e.store.(interface {
		HorizonAge(ctx context.Context) (time.Duration, error)
	}); ok {
		if f.horizon, err = s.HorizonAge(ctx); err != nil {
			return nil, err //nolint:wrapcheck // As above.
		}
		f.aged = true
	}
	if err := e.readStore(ctx, f); err != nil {
		return nil, err
	}
	f.took = time.Since(f.at)
	e.last = f
	return f, nil
}
