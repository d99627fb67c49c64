package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/internal/lane"
	"github.com/alma-events/alma/internal/match"
	"github.com/alma-events/alma/wire"
)

// Subscription is a durable callback: a named cursor in the log, served by a
// lane like a webhook's, whose listener is a function of this process. Events
// that come while the process is down, or while nobody subscribes, wait.
//
// Where many nodes share the storage, each event goes to one of them, as with
// webhooks. So all of them must subscribe under the same names: events wait
// while the node that serves a subscription has no function for it, which it
// logs every minute.
type Subscription struct {
	// Name identifies the subscription over restarts. Required.
	Name string
	// Handle is called for each event, at least once: an error or a panic
	// makes it be called again, as the retry settings say. ctx ends after
	// Timeout, and when the manager is shut down and its grace is over; it
	// carries the event's trace (see [alma.TraceOf]).
	// Required. It is called concurrently unless Ordered is set.
	Handle func(ctx context.Context, ev *alma.Event) error

	// Events, the filters, Ordered and the retry settings mean what they mean
	// in [alma.WebhookConfig], with the same defaults.
	Events        []alma.EventType
	AgentFilter   []string
	ProjectFilter []string
	TypeFilter    []alma.MemoryType
	Filter        string
	Ordered       bool
	RetryCount    *int
	RetryDelay    *time.Duration
	RetryBackoff  *float64
	RetrySchedule []time.Duration
	// MaxInFlight bounds the concurrent calls. Defaults to 16.
	MaxInFlight int
	// Timeout bounds one call. Defaults to 30 s.
	Timeout time.Duration
}

const (
	callbackScheme         = "callback:"
	defaultCallsInFlight   = 16
	subscriptionRetryDelay = 5 * time.Second
)

// subscriptionDefaults stand in for those of a wire format.
var subscriptionDefaults = alma.FormatDefaults{
	RetryCount: 3, RetryDelay: subscriptionRetryDelay, RetryBackoff: 2, Timeout: 30 * time.Second,
}

// handler is the function behind a subscription.
type handler func(ctx context.Context, ev *alma.Event) error

// Subscribe makes a durable subscription, or takes one up again under its
// name: it goes on where it was. The manager must have been started. It
// returns the subscription's id, for [Manager.Unsubscribe].
func (m *Manager) Subscribe(ctx context.Context, s Subscription) (id string, err error) {
	if s.Name == "" || s.Handle == nil {
		return "", errors.New("alma: subscribe: Name and Handle are required")
	}
	if !m.running.Load() || m.stopping.Load() {
		return "", fmt.Errorf("alma: subscribe %q: start the manager first: %w", s.Name, alma.ErrClosed)
	}
	m.admin.Lock()
	defer m.admin.Unlock()
	w, err := m.subscriptionRow(ctx, &s)
	if err != nil {
		return "", fmt.Errorf("alma: subscribe %q: %w", s.Name, err)
	}
	c, err := m.compile(w)
	if err != nil {
		return "", fmt.Errorf("alma: subscribe %q: %w", s.Name, err)
	}
	c.handle = s.Handle
	if m.member != nil {
		m.member.subscribed(w.Config.URL, s.Handle)
		if !m.serves(w.ID) {
			return w.ID, nil // Another node's. When it comes here, the function is known.
		}
	}
	h := m.hook(w.ID)
	if h == nil {
		return w.ID, m.employ(ctx, c)
	}
	m.reinstall(h, c)
	m.setActive(h, true)
	return w.ID, nil
}

// subscriptionTries bounds how often a row is written that other nodes write
// too: all of them may subscribe at once.
const subscriptionTries = 5

// subscriptionRow creates or updates what is stored about a subscription.
func (m *Manager) subscriptionRow(ctx context.Context, s *Subscription) (alma.Webhook, error) {
	for tries := 1; ; tries++ {
		w, err := m.writeSubscription(ctx, s)
		if !errors.Is(err, alma.ErrConflict) || tries == subscriptionTries {
			return w, err
		}
	}
}

func (m *Manager) writeSubscription(ctx context.Context, s *Subscription) (alma.Webhook, error) {
	now := time.Now().UTC()
	w, found, err := m.findSubscription(ctx, s.Name)
	if err != nil {
		return w, err
	}
	if !found {
		w = alma.Webhook{ID: alma.NewWebhookID(), Version: 1, CreatedAt: now, SecretSetAt: now}
	}
	cfg := s.config()
	if found && w.State == alma.StateActive && sameConfig(cfg, w.Config) {
		return w, nil
	}
	w.Config, w.State, w.StateReason, w.UpdatedAt = cfg, alma.StateActive, "", now
	if _, err := m.compile(w); err != nil {
		return w, err
	}
	if found {
		return m.store.UpdateWebhook(ctx, w) //nolint:wrapcheck // The caller names the operation.
	}
	if w, err = m.store.CreateWebhook(ctx, w); err != nil || m.member == nil {
		return w, err //nolint:wrapcheck // The caller names the operation.
	}
	w, _, err = m.findSubscription(ctx, s.Name) // Another node may have created it at the same time.
	return w, err
}

// sameConfig compares settings as they are stored.
func sameConfig(a, b alma.WebhookConfig) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// findSubscription looks a name up. Its id cannot be derived from it: the one
// that was used before an Unsubscribe stays with the deliveries of that time.
func (m *Manager) findSubscription(ctx context.Context, name string) (alma.Webhook, bool, error) {
	webhooks, err := m.store.Webhooks(ctx)
	if err != nil {
		return alma.Webhook{}, false, err //nolint:wrapcheck // The caller names the operation.
	}
	var first alma.Webhook
	found := false
	for _, w := range webhooks {
		switch {
		case w.Config.URL != callbackScheme+name:
		case !found:
			first, found = w, true
		default: // Two nodes created it at once: the first stays.
			if err := m.store.DeleteWebhook(ctx, w.ID); err != nil && !errors.Is(err, alma.ErrNotFound) {
				return alma.Webhook{}, false, err //nolint:wrapcheck // The caller names the operation.
			}
			m.dismiss(w.ID)
		}
	}
	return first, found, nil
}

func (s *Subscription) config() alma.WebhookConfig {
	inFlight := s.MaxInFlight
	if inFlight == 0 {
		inFlight = defaultCallsInFlight
	}
	return alma.WebhookConfig{
		URL: callbackScheme + s.Name, Unsigned: true, Events: s.Events,
		AgentFilter: s.AgentFilter, ProjectFilter: s.ProjectFilter, TypeFilter: s.TypeFilter, Filter: s.Filter,
		Ordered: s.Ordered, MaxInFlight: inFlight, Timeout: s.Timeout,
		RetryCount: s.RetryCount, RetryDelay: s.RetryDelay, RetryBackoff: s.RetryBackoff, RetrySchedule: s.RetrySchedule,
	}
}

// Unsubscribe ends a durable subscription and forgets its place.
func (m *Manager) Unsubscribe(ctx context.Context, id string) error {
	return m.remove(ctx, id, AnyVersion, isSubscription)
}

func isCallback(url string) bool          { return strings.HasPrefix(url, callbackScheme) }
func isSubscription(w *alma.Webhook) bool { return isCallback(w.Config.URL) }
func isWebhook(w *alma.Webhook) bool      { return !isSubscription(w) }

// compileSubscription is compile for a stored subscription. Until somebody
// subscribes under its name it has no function, and stays inactive.
func (m *Manager) compileSubscription(w alma.Webhook) (*compiled, error) {
	var faults alma.Faults
	checked := w.Config
	checked.URL = "https://callback.invalid/" // Its own is no URL, and not a caller's.
	faults.Merge("", checked.Validate())
	filter := compileFilter(&faults, w.Config.Filter)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	c := newCompiled(w, subscriptionDefaults)
	c.selection, c.handle = selectionOf(&w, filter), m.member.function(w.Config.URL)
	return c, nil
}

func selectionOf(w *alma.Webhook, filter *match.Filter) match.Selection {
	return match.Selection{
		Events: w.Config.Events, Agents: w.Config.AgentFilter, Projects: w.Config.ProjectFilter,
		Types: w.Config.TypeFilter, Owner: w.Config.ProjectID, Subject: w.ID, Filter: filter,
	}
}

// call makes one attempt of a durable subscription.
func (m *Manager) call(ctx context.Context, c *compiled, job *lane.Job) (out lane.Outcome) {
	out = lane.Outcome{Attempt: alma.Attempt{Number: job.Number, At: time.Now()}}
	entry, err := m.entryOf(ctx, job)
	if err != nil {
		return m.unsent(ctx, job, out.Attempt.At, err)
	}
	job.SetMessage(&alma.Message{})
	ctx, tr := m.trace(ctx, c, job, traces(c.webhook.ID, []*flow.Entry{entry}))
	defer func() { tr.finish(job, &out) }()
	err = m.invoke(ctx, c, entry.Event)
	if ctx.Err() != nil && err != nil {
		return lane.Outcome{Canceled: true}
	}
	out.Attempt.Duration = time.Since(out.Attempt.At)
	if err != nil {
		out.Verdict = wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonCallback}
		out.Attempt.Reason, out.Attempt.Error = alma.ReasonCallback, err.Error()
	}
	return out
}

func (m *Manager) entryOf(ctx context.Context, job *lane.Job) (*flow.Entry, error) {
	if job.Retry != nil {
		e, err := m.entryAt(ctx, job.Key().Position)
		if err == nil && e.Event.Erased {
			err = errErased
		}
		return e, err
	}
	return job.Entries[0], nil
}

// invoke calls the function; a panic becomes an error, its stack is logged.
func (m *Manager) invoke(ctx context.Context, c *compiled, ev *alma.Event) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			m.logger.Error("a durable subscription panicked", "subscription", c.webhook.Config.URL, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the callback panicked: %v", p)
		}
	}()
	return c.handle(ctx, ev)
}
