package dashboard

import (
	"net/url"
	"time"

	"github.com/alma-events/alma"
)

// delivery is one event's way to one webhook.
type delivery struct {
	ID             string     `json:"id"`
	WebhookID      string     `json:"webhook_id"`
	EventID        string     `json:"event_id"`
	EventType      string     `json:"event_type"`
	URL            string     `json:"url"`
	Status         string     `json:"status"`
	Attempts       int        `json:"attempts"`
	LastError      string     `json:"last_error"`
	LastReason     string     `json:"last_reason"`
	LastStatusCode *int       `json:"last_status_code"`
	NextAttemptAt  *time.Time `json:"next_attempt_at"`
	CreatedAt      time.Time  `json:"created_at"`
	Log            []attempt  `json:"attempt_log"`
	RequestBody    *string    `json:"request_body"`
	RequestBytes   int        `json:"request_body_bytes"`
	RequestExact   bool       `json:"request_body_exact"`
}

// sent is the body of a delivery's last request.
type sent struct {
	Body  string
	Exact bool // Else it was made anew.
	Bytes int  // How long it was.
	Cut   bool // It was longer than what is shown.
}

func (d *delivery) sent() *sent {
	if d.RequestBody == nil {
		return nil
	}
	return &sent{Body: *d.RequestBody, Exact: d.RequestExact, Bytes: d.RequestBytes, Cut: d.RequestBytes > len(*d.RequestBody)}
}

// attempt is one request.
type attempt struct {
	Number          int               `json:"number"`
	At              time.Time         `json:"at"`
	DurationMS      float64           `json:"duration_ms"`
	StatusCode      *int              `json:"status_code"`
	Reason          string            `json:"reason"`
	Error           string            `json:"error"`
	RequestHeaders  map[string]string `json:"request_headers"`
	ResponseHeaders map[string]string `json:"response_headers"`
	ResponseBody    string            `json:"response_body"`
	Sent            *sent             `json:"-"` // Of the last one only.
	BatchID         string            `json:"batch_id"`
	ReplayID        string            `json:"replay_id"`
}

type deliveriesPage struct {
	List     listing[delivery]
	Filters  []filter
	Query    url.Values
	Filtered bool
	Faults   []alma.Fault
}

var deliveryFilters = []filter{
	{Name: "status", Label: "Status", Options: []string{"", "PENDING", "SUCCESS", "FAILED", "SUPPRESSED"}},
	{Name: "reason", Label: "Reason", Options: reasonOptions()},
	{Name: "webhook_id", Label: "Webhook", Hint: "wh_…"},
	{Name: "event_id", Label: "Event", Hint: "evt_…"},
	{Name: "project_id", Label: "Project"},
}

func showDeliveries(v *visit) error {
	p := deliveriesPage{Query: v.r.URL.Query()}
	var query url.Values
	p.Filters, query = v.read(append(deliveryFilters[:len(deliveryFilters):len(deliveryFilters)], timeFilters...))
	p.Filtered = len(query) > 0
	var err error
	if p.Faults, err = list(v, "/v1/deliveries", query, &p.List); err != nil {
		return err
	}
	return v.render("deliveries", "Deliveries", "/deliveries", p)
}

type deliveryPage struct {
	Delivery delivery
	Event    *alma.Event // Nil when the log holds it no more.
	Webhook  *webhookView
	Curl     string
	Moving   bool // It will change by itself.
}

// Held says why no attempt follows at its time; "" when one does.
func (p deliveryPage) Held() string {
	switch {
	case p.Webhook == nil:
		return "the webhook was removed"
	case p.Webhook.State == string(alma.StateActive) && p.Webhook.Health == "dead" && p.Delivery.NextAttemptAt != nil && time.Now().After(*p.Delivery.NextAttemptAt):
		return "the listener fails all the time, and is only tried now and then; retries follow when it answers again"
	case p.Webhook.State == string(alma.StateActive):
		return ""
	case p.Webhook.State == string(alma.StatePending):
		return "the listener has not passed its handshake; activate the webhook"
	}
	return "the webhook is " + p.Webhook.State + "; resume it"
}

func showDelivery(v *visit) error {
	var p deliveryPage
	if err := v.get("/v1/deliveries/"+url.PathEscape(v.r.PathValue("id")), nil, &p.Delivery); err != nil {
		return err
	}
	ev, err := find[eventView](v, "/v1/events/"+url.PathEscape(p.Delivery.EventID))
	if err != nil {
		return err
	}
	if ev != nil {
		p.Event = &ev.Event
	}
	if p.Webhook, err = find[webhookView](v, "/v1/webhooks/"+url.PathEscape(p.Delivery.WebhookID)); err != nil {
		return err
	}
	p.Moving = p.Delivery.Status == string(alma.StatusPending)
	if n := len(p.Delivery.Log); n > 0 {
		p.Delivery.Log[n-1].Sent = p.Delivery.sent()
		p.Curl = curl(&p.Delivery)
	}
	return v.render("delivery", "Delivery", "/deliveries", p)
}

func retryDelivery(v *visit) error {
	path := "/deliveries/" + url.PathEscape(v.r.PathValue("id"))
	if err := v.post("/v1"+path+"/retry", nil, nil); err != nil {
		return v.refused(path, err)
	}
	return v.done(path, "A new attempt is being made. What it comes to appears below.")
}
