package webhook

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/lane"
)

// Overview is how all webhooks do, told by those that stand out.
type Overview struct {
	Webhooks int                       // How many there are.
	States   map[alma.WebhookState]int // How many in each state that any is in.
	// Notable are those that are neither active nor paused, that have something
	// before them, or whose last attempt failed; in no order.
	Notable []Notable
}

// Notable is what an [Overview] tells of a webhook; the members are those of
// [Status].
type Notable struct {
	ID           string
	URL          string
	State        alma.WebhookState
	StateReason  string
	Health       Health
	FailingSince time.Time
	Waiting      int
	InFlight     int
	// Lag and LagTime are as exact as those of Status for the webhooks that stand
	// furthest behind in the log ([LagsCounted] of them). For the others every event
	// after their place counts, and LagTime is 0, or at least 5 minutes when their
	// place is as old.
	Lag     int64
	LagTime time.Duration
}

// LagsCounted is of how many webhooks an [Overview] counts the lag event by event.
const LagsCounted = 40

// overviewAge is the age of a place that an overview tells of webhooks whose lag
// is not counted.
const overviewAge = 5 * time.Minute

// Overview tells how the webhooks of a project do, or all with an empty one.
// Durable subscriptions are left out. Where all lanes live in this process, it
// costs no more than a look at each of them; where many nodes share them, it is
// made of [Manager.List].
func (m *Manager) Overview(ctx context.Context, project string) (Overview, error) {
	if !m.ownsAll() {
		return m.listedOverview(ctx, project)
	}
	o := Overview{States: map[alma.WebhookState]int{}}
	var seen []*sight // Of the notable ones, in their order.
	for _, h := range m.allHooks() {
		c := h.compiled.Load()
		if !c.shown(project) {
			continue
		}
		o.Webhooks++
		status := h.lane.Status()
		if !c.notable(&status) {
			o.States[c.webhook.State]++
			continue
		}
		s := &sight{compiled: c, lane: status, hook: h}
		note := s.note()
		o.States[note.State]++
		o.Notable, seen = append(o.Notable, note), append(seen, s)
	}
	if err := m.noteLags(ctx, o.Notable, seen); err != nil {
		return Overview{}, err
	}
	return o, nil
}

// WebhookIDs returns the ids of the webhooks of a project, or of all with an empty
// one, durable subscriptions included, in no order.
func (m *Manager) WebhookIDs(ctx context.Context, project string) ([]string, error) {
	var ids []string
	if m.ownsAll() {
		for _, h := range m.allHooks() {
			if w := &h.compiled.Load().webhook; project == "" || w.Config.ProjectID == project {
				ids = append(ids, w.ID)
			}
		}
		return ids, nil
	}
	all, err := m.store.Webhooks(ctx)
	if err != nil {
		return nil, fmt.Errorf("alma: webhooks of a project: %w", err)
	}
	for i := range all {
		if project == "" || all[i].Config.ProjectID == project {
			ids = append(ids, all[i].ID)
		}
	}
	return ids, nil
}

// ownsAll reports whether the lanes of all webhooks live here.
func (m *Manager) ownsAll() bool { return m.member == nil && m.running.Load() && !m.stopping.Load() }

// shown reports whether a project's listing holds the webhook.
func (c *compiled) shown(project string) bool {
	return !isCallback(c.webhook.Config.URL) && (project == "" || c.webhook.Config.ProjectID == project)
}

// notable reports whether there is something to tell of a webhook.
func (c *compiled) notable(ls *lane.Status) bool {
	quiet := c.unusable == nil && (c.webhook.State == alma.StateActive || c.webhook.State == alma.StatePaused)
	return !quiet || ls.Busy || ls.Waiting > 0 || ls.InFlight > 0 || ls.Health.BreakerOpen || !ls.Health.FailingSince.IsZero()
}

func (s *sight) note() Notable {
	w := &s.compiled.webhook
	state, reason := s.state(w.State, w.StateReason)
	if state == alma.StateActive && s.lane.Ended != "" { // Stored, but not made into settings again.
		state, reason = alma.StateDisabled, s.lane.Ended
	}
	return Notable{
		ID: w.ID, URL: w.Config.URL, State: state, StateReason: reason,
		Health: s.health(), FailingSince: s.lane.Health.FailingSince, Waiting: s.lane.Waiting, InFlight: s.lane.InFlight,
	}
}

// noteLags counts the lags of the webhooks that stand furthest behind, and
// estimates those of the others by their places.
func (m *Manager) noteLags(ctx context.Context, notes []Notable, seen []*sight) error {
	var behind []int
	for i, s := range seen {
		if s.lane.Busy {
			behind = append(behind, i)
		}
	}
	slices.SortFunc(behind, func(a, b int) int {
		return cmp.Or(seen[a].lane.Low.Compare(seen[b].lane.Low), cmp.Compare(notes[a].ID, notes[b].ID))
	})
	reader := m.lagReader()
	for _, i := range behind[:min(LagsCounted, len(behind))] {
		var err error
		if notes[i].Lag, notes[i].LagTime, err = reader.lag(ctx, seen[i]); err != nil {
			return err
		}
	}
	if len(behind) <= LagsCounted {
		return nil
	}
	return m.estimateLags(ctx, reader, notes, seen, behind[LagsCounted:])
}

func (m *Manager) estimateLags(ctx context.Context, reader *lagReader, notes []Notable, seen []*sight, rest []int) error {
	head, err := reader.head(ctx)
	if err != nil {
		return fmt.Errorf("alma: estimate lags: %w", err)
	}
	old, err := m.store.FindEvents(ctx, alma.EventQuery{Until: time.Now().Add(-overviewAge), Cursor: alma.Cursor{Limit: 1}})
	if err != nil {
		return fmt.Errorf("alma: estimate lags: %w", err)
	}
	for _, i := range rest {
		low := seen[i].lane.Low
		notes[i].Lag = max(0, head.Seq-low.Seq)
		if len(old.Items) > 0 && low.Before(old.Items[0].Position) {
			notes[i].LagTime = time.Since(old.Items[0].AppendedAt)
		}
	}
	return nil
}

// listedOverview is Overview where lanes live elsewhere too.
func (m *Manager) listedOverview(ctx context.Context, project string) (Overview, error) {
	all, err := m.List(ctx)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{States: map[alma.WebhookState]int{}}
	for i := range all {
		s := &all[i]
		if project != "" && s.Config.ProjectID != project {
			continue
		}
		o.Webhooks++
		o.States[s.State]++
		quiet := s.State == alma.StateActive || s.State == alma.StatePaused
		if quiet && s.Lag == 0 && s.Waiting == 0 && s.InFlight == 0 && s.Health == Healthy {
			continue
		}
		o.Notable = append(o.Notable, Notable{
			ID: s.ID, URL: s.Config.URL, State: s.State, StateReason: s.StateReason,
			Health: s.Health, FailingSince: s.FailingSince, Waiting: s.Waiting, InFlight: s.InFlight, Lag: s.Lag, LagTime: s.LagTime,
		})
	}
	return o, nil
}
