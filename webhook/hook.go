package webhook

import (
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/backoff"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/internal/lane"
	"github.com/alma-events/alma/internal/match"
	"github.com/alma-events/alma/internal/send"
	"github.com/alma-events/alma/wire"
)

// hook is a webhook at work: its lane, and what is compiled from its settings.
type hook struct {
	id       string
	lane     *lane.Lane
	compiled atomic.Pointer[compiled]

	replaying    sync.Mutex  // Held while the lane's replays are read anew.
	replaysStale atomic.Bool // They could not be read.
	// Where its events come from. Manager.admin guards the first two, and
	// marks.dispatching the rest.
	index   *match.Index[*hook]
	leaving bool                    // On its way to another node: nothing is offered any more.
	group   *catchUp                // nil: the tail.
	from    alma.Position           // Only what lies behind is offered.
	feeder  atomic.Pointer[catchUp] // group, for those who do not hold dispatching.

	unannounced  atomic.Pointer[loss] // What was given up, and could not be told yet.
	failures     failureLog
	filterErrors atomic.Int64
	filterError  atomic.Pointer[string] // The last one.
}

// compiled is one revision of a webhook's settings, ready for use.
type compiled struct {
	webhook   kept
	timeout   time.Duration
	batches   bool // The listener gets arrays.
	format    wire.Format
	form      wire.Form // Of a message for one event.
	handle    handler   // Of a durable subscription, instead of a format.
	mailTo    []string  // Of a webhook that sends e-mail, instead of the format; nil for others.
	selection match.Selection
	settings  *lane.Settings
	headers   []alma.HeaderField // The webhook's own, sorted.
	ownTrace  bool               // They name the trace themselves.
	client    *send.Client       // Shown to listeners that ask; nil for none.
	secrets   []string           // What must never be shown.
	unusable  error              // Why the stored settings cannot be used; nothing else counts then.
}

// kept is what stays in memory of a stored webhook: there may be very many.
type kept struct {
	ID     string
	Config struct {
		URL       string
		Secret    string
		ProjectID string
	}
	State       alma.WebhookState
	StateReason string
	Version     int64
	SecretSetAt time.Time

	formerUntil *time.Time // The end of the overlap of the last rotation; nil for none.
}

// signing returns the secrets that sign at a time, the newest first. Mostly it
// is one, and this is the hot path. They stand behind the values of the headers.
func (c *compiled) signing(at time.Time) []string {
	secrets := c.secrets[len(c.headers):]
	if until := c.webhook.formerUntil; until == nil || at.Before(*until) || len(secrets) < 2 {
		return secrets
	}
	return secrets[:1]
}

func keep(w alma.Webhook) kept {
	k := kept{ID: w.ID, State: w.State, StateReason: w.StateReason, Version: w.Version, SecretSetAt: w.SecretSetAt}
	if w.FormerSecret != "" {
		k.formerUntil = new(w.FormerUntil)
	}
	k.Config.URL, k.Config.Secret, k.Config.ProjectID = w.Config.URL, w.Config.Secret, w.Config.ProjectID
	return k
}

// runs reports whether attempts may be made: a durable subscription waits for
// somebody to subscribe.
func (c *compiled) runs() bool {
	return c.webhook.State == alma.StateActive && (c.format != nil || c.handle != nil)
}

// posts reports whether attempts are HTTP exchanges; nil is no webhook.
func (c *compiled) posts() bool { return c != nil && c.format != nil && c.mailTo == nil }

// compile prepares what is stored: a webhook, or a durable subscription.
func (m *Manager) compile(w alma.Webhook) (*compiled, error) {
	if isSubscription(&w) {
		return m.compileSubscription(w)
	}
	return m.compileWebhook(w)
}

// compileWebhook checks a webhook's settings, all faults at once, and prepares
// them.
func (m *Manager) compileWebhook(w alma.Webhook) (*compiled, error) {
	var faults alma.Faults
	faults.Merge("", w.Config.Validate())
	format, ok := wire.Lookup(cmpOr(w.Config.Format, alma.FormatAlma))
	switch {
	case w.Config.SendsMail(): // Validate wants the default format, and nothing that only a format has.
	case ok:
		format.Check(&faults, w.Config)
	default:
		faults.Addf("format", "%q is unknown; want one of %s", w.Config.Format, formatNames())
	}
	filter := compileFilter(&faults, w.Config.Filter)
	err := faults.Err()
	if err != nil {
		return nil, err
	}
	c := newCompiled(w, format.Defaults())
	c.format, c.mailTo = format, w.Config.MailAddresses()
	c.form = wire.FormOf(effective(w.Config))
	c.form.Batch = false
	c.settings.Notify = m.cfg.Notify != nil && len(w.Config.Contacts) > 0
	c.selection = selectionOf(&w, filter)
	c.selection.Events = named(format, w.Config.Events)
	c.selection.Carries = carries[format.Name()]
	c.headers, c.secrets = ownHeaders(&w)
	c.ownTrace = namesTrace(c.headers)
	c.client, err = clientOf(&w.Config)
	return c, err
}

func clientOf(cfg *alma.WebhookConfig) (*send.Client, error) {
	if cfg.ClientCertificate == "" {
		return nil, nil //nolint:nilnil // No certificate.
	}
	client, err := send.NewClient(cfg.ClientCertificate, cfg.ClientKey)
	if err != nil {
		var f alma.Faults
		f.Addf("client_certificate", "%s", err)
		return nil, f.Err()
	}
	return client, nil
}

// checkAddress refuses at once an address that every attempt would refuse. A
// stored webhook is not asked again: its attempts say what is wrong.
func (m *Manager) checkAddress(rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || m.cfg.Dial != nil {
		return nil //nolint:nilerr // Validate has reported it.
	}
	return m.guard.CheckURL(u) //nolint:wrapcheck // It names the field.
}

func cmpOr(f, fallback alma.Format) alma.Format {
	if f == "" {
		return fallback
	}
	return f
}

func compileFilter(faults *alma.Faults, expression string) *match.Filter {
	if expression == "" {
		return nil
	}
	filter, err := match.Compile(expression)
	if err != nil {
		faults.Addf("filter", "%s", err)
	}
	return filter
}

// ownHeaders returns the webhook's headers in the order of their names, and
// the values that must be masked wherever an answer may echo them.
func ownHeaders(w *alma.Webhook) (headers []alma.HeaderField, secrets []string) {
	for name, value := range w.Config.Headers {
		headers = append(headers, alma.HeaderField{Name: name, Value: value})
		secrets = append(secrets, value)
	}
	slices.SortFunc(headers, func(a, b alma.HeaderField) int { return compareStrings(a.Name, b.Name) })
	for _, secret := range []string{w.Config.Secret, w.FormerSecret} {
		if secret != "" {
			secrets = append(secrets, secret)
		}
	}
	return headers, secrets
}

// carries holds what each format can carry, once for all webhooks of it.
var carries = func() map[alma.Format]func(*alma.Event) bool {
	all := map[alma.Format]func(*alma.Event) bool{}
	for _, f := range wire.Formats() {
		all[f.Name()] = f.Carries
	}
	return all
}()

// named returns the types that the names in a webhook's events stand for.
func named(format wire.Format, names []alma.EventType) []alma.EventType {
	var out []alma.EventType
	for _, name := range names {
		out = append(out, format.Selects(name)...)
	}
	return out
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// newCompiled fills in the defaults of a format.
func newCompiled(w alma.Webhook, defaults alma.FormatDefaults) *compiled {
	cfg := w.Config.WithDefaults(defaults)
	if w.Consent != nil && w.Consent.Rate > 0 { // What the listener allows, a minute.
		allowed := float64(w.Consent.Rate) / 60
		if cfg.RateLimit == 0 || allowed < cfg.RateLimit {
			cfg.RateLimit = allowed
		}
	}
	return &compiled{webhook: keep(w), timeout: cfg.Timeout, batches: cfg.BatchSize > 1, settings: laneSettings(w.ID, &cfg)}
}

// laneSettings derives what the lane needs.
func laneSettings(id string, cfg *alma.WebhookConfig) *lane.Settings {
	delays := backoff.Delays{Schedule: cfg.RetrySchedule, Jitter: cfg.RetryJitter}
	if cfg.RetrySchedule == nil {
		delays.Count, delays.Delay, delays.Backoff = *cfg.RetryCount, *cfg.RetryDelay, *cfg.RetryBackoff
	}
	return &lane.Settings{
		WebhookID: id,
		Delay:     func(attempt int) (time.Duration, bool) { return delays.Next(attempt, rand.Float64) },
		Window:    cfg.MaxInFlight, BatchSize: cfg.BatchSize, BatchDelay: *cfg.BatchDelay,
		Rate: cfg.RateLimit, Ordered: cfg.Ordered, MaxAge: cfg.MaxAge,
		BulkLimit: *cfg.BulkLimit, DisableAfter: *cfg.DisableAfter,
	}
}

// match is asked by the lane when it reads the log for itself.
func (h *hook) match(e *flow.Entry) bool {
	ok, err := h.compiled.Load().selection.Match(e)
	if err != nil {
		h.noteFilterError(err)
	}
	return ok
}

func (h *hook) noteFilterError(err error) {
	h.filterErrors.Add(1)
	text := err.Error()
	h.filterError.Store(&text)
}

// follow makes a revision of the settings the present one.
func (h *hook) follow(c *compiled) {
	c.settings.Target, c.settings.Match = h, h.match
	h.compiled.Store(c)
}

// install puts a compiled webhook to work.
func (m *Manager) install(c *compiled, lc lane.Config, now time.Time) *hook {
	h := &hook{id: c.webhook.ID, index: m.index}
	m.member.place(h, &lc)
	h.follow(c)
	lc.Settings = c.settings
	h.lane = lane.New(m.node, lc, now)
	m.mu.Lock()
	m.hooks[h.id] = h
	m.mu.Unlock()
	h.index.Put(h.id, &c.selection, h)
	return h
}

// installUnusable keeps the place of a stored webhook that this program
// refuses, as one that a later program wrote: its events wait until its
// settings are changed, or a program that knows them is started.
func (m *Manager) installUnusable(w alma.Webhook, lc lane.Config, reason error, now time.Time) *hook {
	m.logger.Error("a stored webhook cannot be used; its events wait", "webhook", w.ID, "error", reason)
	lc.Active = false
	h := m.install(unusable(w, reason), lc, now)
	m.detain(h)
	return h
}

// disqualify does the same to a webhook at work whose settings have become such.
func (m *Manager) disqualify(h *hook, w alma.Webhook, reason error) {
	m.logger.Error("a stored webhook cannot be used; its events wait", "webhook", w.ID, "error", reason)
	m.setActive(h, false) // From here on it reads for itself, and misses nothing.
	m.reinstall(h, unusable(w, reason))
	m.detain(h)
}

func unusable(w alma.Webhook, reason error) *compiled {
	c := newCompiled(w, subscriptionDefaults)
	c.unusable = reason
	return c
}

// detain makes a webhook's events wait.
func (m *Manager) detain(h *hook) {
	h.index.Remove(h.id)
	m.marks.dispatching.Lock()
	defer m.marks.dispatching.Unlock()
	h.lane.Detach(m.offered(h))
	m.list(h.lane)
}

// reinstall brings changed settings into effect.
func (m *Manager) reinstall(h *hook, c *compiled) {
	h.follow(c)
	if !h.leaving {
		h.index.Put(h.id, &c.selection, h)
	}
	h.lane.Configure(c.settings)
}

func (m *Manager) hook(id string) *hook {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.hooks[id]
}

// effective returns a stored configuration with the defaults filled in.
func effective(cfg alma.WebhookConfig) alma.WebhookConfig {
	format, ok := wire.Lookup(cmpOr(cfg.Format, alma.FormatAlma))
	if !ok {
		return cfg
	}
	return cfg.WithDefaults(format.Defaults())
}
