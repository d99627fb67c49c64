package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/alma-events/alma"
)

// StatsPoint is what was done in one step of a series.
type StatsPoint struct {
	At        time.Time `json:"at" doc:"Where the step begins."`
	Events    int64     `json:"events" doc:"Appended."`
	Delivered int64     `json:"delivered"`
	Failed    int64     `json:"failed" doc:"Deliveries given up."`
	Retries   int64     `json:"retries" doc:"Attempts after the first of their delivery."`
	// SuccessRate and the latencies are null where nothing was attempted.
	SuccessRate *float64 `json:"success_rate" nullable:"true" doc:"The share of requests that succeeded, 0 to 1; null when there was none."`
	P50         *float64 `json:"p50_ms" nullable:"true" doc:"From append to delivery by a first attempt: half of all took at most so many milliseconds."`
	P99         *float64 `json:"p99_ms" nullable:"true" doc:"As p50_ms, of 99 in a hundred."`
}

// statsView is what the dashboard's overview shows.
type statsView struct {
	Since  time.Time    `json:"since"`
	Until  time.Time    `json:"until"`
	Step   int64        `json:"step" doc:"Seconds from point to point."`
	Series bool         `json:"series" doc:"Whether there are figures: they are counted for the whole server, so a key of a project gets none."`
	Points []StatsPoint `json:"points" nullable:"false"`
	Totals StatsPoint   `json:"totals" doc:"Of the whole series."`

	Webhooks  int           `json:"webhooks" doc:"How many there are."`
	Backlog   []backlogView `json:"backlog" nullable:"false" doc:"The webhooks with the largest lag, at most 20. This and what follows may be a second old, and older where it takes long to see."`
	Rest      restView      `json:"rest" doc:"The other webhooks that have a lag, together."`
	Attention attentionView `json:"attention"`
}

const (
	seriesPoints  = 100 // About.
	maxPoints     = 2000
	defaultSeries = 15 * time.Minute
)

var seriesRanges = map[string]time.Duration{"15m": defaultSeries, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour}

// span is the time that a series covers.
type span struct {
	since, until time.Time
	step         time.Duration
}

func (s *Server) getStats(c *call) error {
	now := time.Now().UTC()
	faults := c.queryFaults
	over := c.span(&faults, now)
	if err := faults.Err(); err != nil {
		return err
	}
	view := statsView{Since: over.since, Until: over.until, Step: int64(over.step / time.Second), Points: []StatsPoint{}}
	if c.key.ProjectID == "" {
		if err := s.addSeries(c, &view, over, now); err != nil {
			return err
		}
	}
	standing, err := s.standings.of(c, s.readStanding)
	if err != nil {
		return err
	}
	view.Webhooks, view.Backlog, view.Rest, view.Attention = standing.webhooks, standing.backlog, standing.rest, standing.attention
	return c.reply(http.StatusOK, view)
}

// span reads what time is asked for.
func (c *call) span(faults *alma.Faults, now time.Time) span {
	named, since, until := c.query.Get(paramRange.name), c.time(faults, paramStatsSince), c.time(faults, paramStatsUntil)
	length, known := seriesRanges[named]
	switch {
	case named != "" && !known:
		faults.Addf(paramRange.name, "want 15m, 24h or 7d")
		length = defaultSeries // For the faults of the others.
	case named != "" && (!since.IsZero() || !until.IsZero()):
		faults.Addf(paramRange.name, "given beside since or until; want one of the two ways")
	case named == "":
		length = defaultSeries
	}
	if until.IsZero() {
		until = now
	}
	if since.IsZero() {
		since = until.Add(-length)
	}
	if !since.Before(until) || until.Sub(since) > alma.StatsKept {
		faults.Addf(paramStatsSince.name, "want a time before until, and at most 8 days before it")
		c.step(faults, alma.StatsKept)
		return span{}
	}
	step := c.step(faults, until.Sub(since))
	// The last step is the one that is going on: points do not move from one
	// call to the next.
	end := until.Add(step - 1).Truncate(step)
	return span{end.Add(-until.Sub(since).Round(step)), end, step}
}

// step returns the length of a step in whole minutes.
func (c *call) step(faults *alma.Faults, length time.Duration) time.Duration {
	if text := c.query.Get(paramStep.name); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 60 || n%60 != 0 || time.Duration(n) > length/time.Second || length/time.Second/time.Duration(n) > maxPoints {
			faults.Addf(paramStep.name, "want a multiple of 60 seconds, at most the length of the series, and at most %d points", maxPoints)
			return time.Minute
		}
		return time.Duration(n) * time.Second
	}
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour} {
		if length/step <= seriesPoints {
			return step
		}
	}
	return 2 * time.Hour
}

// addSeries puts the figures into steps. What this process has done since the
// last stored minute belongs to the step that is going on.
func (s *Server) addSeries(c *call, view *statsView, over span, now time.Time) error {
	minutes, err := s.manager.StatsMinutes(c.r.Context(), over.since, over.until)
	if err != nil {
		return err //nolint:wrapcheck // The manager says what was done.
	}
	steps := make([]alma.Stats, int(over.until.Sub(over.since)/over.step))
	add := func(at time.Time, st *alma.Stats) {
		if i := int(at.Sub(over.since) / over.step); !at.Before(over.since) && i < len(steps) {
			steps[i].Add(st)
		}
	}
	countOnce(minutes)
	for i := range minutes {
		add(minutes[i].Minute, &minutes[i].Stats)
	}
	unstored := s.manager.Unstored()
	add(now, &unstored)
	var totals alma.Stats
	for i := range steps {
		totals.Add(&steps[i])
		view.Points = append(view.Points, viewStats(over.since.Add(time.Duration(i)*over.step), &steps[i]))
	}
	view.Series, view.Totals = true, viewStats(over.since, &totals)
	return nil
}

// countOnce leaves the events of each minute with one node: every node counts
// all that come by in the log, so they are those of the node that saw the most.
// What was delivered is each node's own.
func countOnce(minutes []alma.StatsMinute) {
	most := map[time.Time]*alma.StatsMinute{}
	for i := range minutes {
		m := &minutes[i]
		other := most[m.Minute]
		switch {
		case other == nil:
			most[m.Minute] = m
		case m.Events > other.Events:
			other.Events, most[m.Minute] = 0, m
		default:
			m.Events = 0
		}
	}
}

func viewStats(at time.Time, st *alma.Stats) StatsPoint {
	p := StatsPoint{At: at, Events: st.Events, Delivered: st.Delivered, Failed: st.Failed, Retries: st.Retries}
	attempts := int64(0)
	for _, n := range st.Attempts {
		attempts += n
	}
	if attempts > 0 {
		p.SuccessRate = new(float64(st.Attempts[""]) / float64(attempts))
	}
	if st.Latency.Count() > 0 {
		p.P50, p.P99 = new(milliseconds(st.Latency.Quantile(0.5))), new(milliseconds(st.Latency.Quantile(0.99)))
	}
	return p
}

// failedLately counts failed deliveries, up to the size of a page.
func (s *Server) failedLately(c *call, since time.Time) (int, bool, error) {
	page, err := s.deliveries(c, alma.DeliveryQuery{
		Status: alma.StatusFailed, ProjectID: c.queryProject(), Since: since, Cursor: alma.Cursor{Limit: alma.MaxPageSize},
	})
	if err != nil {
		return 0, false, fmt.Errorf("alma: count failed deliveries: %w", err)
	}
	return len(page.Items), page.Next != "", nil
}
