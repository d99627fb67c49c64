package dashboard

import (
	"net/url"
	"time"
)

// stats is the answer of GET /v1/stats.
type stats struct {
	Since    time.Time    `json:"since"`
	Until    time.Time    `json:"until"`
	Step     int64        `json:"step"`
	Series   bool         `json:"series"`
	Points   []statsPoint `json:"points"`
	Totals   statsPoint   `json:"totals"`
	Webhooks int          `json:"webhooks"`
	Backlog  []backlog    `json:"backlog"`
	Rest     struct {
		Webhooks int   `json:"webhooks"`
		Lag      int64 `json:"lag"`
	} `json:"rest"`
	Attention struct {
		Webhooks []struct {
			WebhookID   string `json:"webhook_id"`
			URL         string `json:"url"`
			Description string `json:"description"`
			Kind        string `json:"kind"`
			Detail      string `json:"detail"`
		} `json:"webhooks"`
		More     int  `json:"more"`
		Failed   int  `json:"failed_24h"`
		FailMore bool `json:"failed_more"`
	} `json:"attention"`
}

type statsPoint struct {
	At        time.Time `json:"at"`
	Events    int64     `json:"events"`
	Delivered int64     `json:"delivered"`
	Failed    int64     `json:"failed"`
	Retries   int64     `json:"retries"`
	Success   *float64  `json:"success_rate"`
	P50       *float64  `json:"p50_ms"`
	P99       *float64  `json:"p99_ms"`
}

type backlog struct {
	WebhookID   string  `json:"webhook_id"`
	URL         string  `json:"url"`
	Description string  `json:"description"`
	State       string  `json:"state"`
	Health      string  `json:"health"`
	Lag         int64   `json:"lag"`
	LagSeconds  float64 `json:"lag_seconds"`
	Waiting     int     `json:"waiting"`
}

type overviewPage struct {
	Stats  stats
	Range  string
	Ranges []string
	Charts []chart
	Calm   bool   // Nothing needs attention.
	Fresh  bool   // Nothing was ever done here.
	Lately string // Since when failed deliveries are counted, as the filters have it.
}

var ranges = []string{"15m", "24h", "7d"}

func showOverview(v *visit) error {
	p := overviewPage{Range: "15m", Ranges: ranges}
	for _, known := range ranges {
		if v.r.FormValue("range") == known {
			p.Range = known
		}
	}
	if err := v.get("/v1/stats", url.Values{"range": {p.Range}}, &p.Stats); err != nil {
		return err
	}
	a := &p.Stats.Attention
	p.Calm = len(a.Webhooks) == 0 && a.Failed == 0
	p.Lately = time.Now().UTC().Add(-24 * time.Hour).Format("2006-01-02T15:04")
	p.Fresh = p.Stats.Webhooks == 0 && p.Stats.Totals.Events == 0
	if p.Stats.Series {
		p.Charts = charts(&p.Stats, time.Now())
	}
	return v.render("overview", "Overview", "/overview", p)
}

// rate returns what happened in a step, per second. Of the step that is going
// on only the part counts that is over; before a quarter of it is, there is too
// little to tell, and the step before is the last that is drawn.
func (st *stats) rate(p *statsPoint, n int64, now time.Time) *float64 {
	step := time.Duration(st.Step) * time.Second
	over := min(now.Sub(p.At), step)
	if over < step/4 {
		return nil
	}
	return new(float64(n) / over.Seconds())
}

// charts are the plots of the overview.
func charts(st *stats, now time.Time) []chart {
	at := make([]time.Time, len(st.Points))
	for i := range st.Points {
		at[i] = st.Points[i].At
	}
	column := func(value func(*statsPoint) *float64) []*float64 {
		out := make([]*float64, len(st.Points))
		for i := range st.Points {
			out[i] = value(&st.Points[i])
		}
		return out
	}
	share := func(p *statsPoint) *float64 {
		if p.Success == nil {
			return nil
		}
		return new(*p.Success * 100)
	}
	all := []figures{
		{id: "rate", title: "Throughput", unit: "per second", names: []string{"events", "deliveries"}, values: [][]*float64{
			column(func(p *statsPoint) *float64 { return st.rate(p, p.Events, now) }), column(func(p *statsPoint) *float64 { return st.rate(p, p.Delivered, now) }),
		}},
		{id: "success", title: "Successful requests", unit: "percent", names: []string{"success"}, values: [][]*float64{column(share)}, most: 100},
		{id: "latency", title: "Append to delivery", unit: "milliseconds", names: []string{"p50", "p99"}, values: [][]*float64{
			column(func(p *statsPoint) *float64 { return p.P50 }), column(func(p *statsPoint) *float64 { return p.P99 }),
		}},
		{id: "trouble", title: "Trouble", unit: "per step", names: []string{"retries", "failed"}, values: [][]*float64{
			column(func(p *statsPoint) *float64 { return new(float64(p.Retries)) }), column(func(p *statsPoint) *float64 { return new(float64(p.Failed)) }),
		}},
	}
	out := make([]chart, len(all))
	for i := range all {
		all[i].at = at
		out[i] = all[i].draw()
	}
	return out
}
