package main

// webhookFlags are the settings of a webhook. Those that are not given keep
// their value, or get their default. The secret is not among them: to take a
// new webhook's from the environment is handy, a stored one's a trap.
type webhookFlags struct {
	Event         []string          `help:"Deliver events of this type; several times for several. All by default." placeholder:"TYPE"`
	Format        *string           `help:"The wire format." placeholder:"alma"`
	Unsigned      bool              `help:"Do not sign."`
	Header        map[string]string `help:"Send this header with each request." mapsep:"none" placeholder:"NAME=VALUE"`
	RetryCount    *int              `help:"Attempts after the first." placeholder:"3"`
	RetryDelay    *span             `help:"Wait after the first attempt." placeholder:"5s"`
	RetryBackoff  *float64          `help:"Multiplies the wait each time." placeholder:"2"`
	RetrySchedule []span            `help:"The waits, one by one, instead of the three above." placeholder:"1m,10m,1h"`
	Agent         []string          `help:"Only events of this agent."`
	Project       []string          `help:"Only events of this project."`
	Type          []string          `help:"Only events of this kind of memory or record."`
	Filter        *string           `help:"Only events for which this CEL expression holds, such as: event.data.confidence > 0.8" placeholder:"CEL"`
	Timeout       *span             `help:"Bound one request." placeholder:"30s"`
	BatchSize     *int              `help:"Events in a request; 50 by default in an e-mail." placeholder:"1"`
	BatchDelay    *span             `help:"How long a batch waits to fill; 1m by default for an e-mail." placeholder:"1s"`
	MaxInFlight   *int              `help:"Concurrent requests." placeholder:"64"`
	RateLimit     *float64          `help:"Requests per second; 0 for no limit." placeholder:"0"`
	Ordered       *bool             `help:"Strictly one after another, in log order." negatable:""`
	MaxAge        *span             `help:"Do not send older events; 0 for no limit." placeholder:"0s"`
	Owner         *string           `help:"The project that owns the webhook: it sees no other." placeholder:"PROJECT"`
	Contact       []string          `help:"Tell this e-mail address of failed deliveries."`
	DisableAfter  *span             `help:"Disable after so much unbroken failure; 0 for never." placeholder:"120h"`
	Description   *string           `help:"A note for people."`

	formatFlags
}

// body returns the settings that were given, with their names in the API.
func (f *webhookFlags) body(secret *string) (map[string]any, error) {
	if f.Unsigned && secret != nil {
		return nil, usagef("both --unsigned and a secret (--secret or ALMA_SECRET) are given; want one of the two")
	}
	if err := checkSecret(secret); err != nil {
		return nil, err
	}
	b := map[string]any{}
	setList(b, "events", f.Event)
	setList(b, "agent_filter", f.Agent)
	setList(b, "project_filter", f.Project)
	setList(b, "type_filter", f.Type)
	setList(b, "contacts", f.Contact)
	setValue(b, "format", f.Format)
	setValue(b, "secret", secret)
	setValue(b, "retry_count", f.RetryCount)
	setValue(b, "retry_backoff", f.RetryBackoff)
	setValue(b, "filter", f.Filter)
	setValue(b, "batch_size", f.BatchSize)
	setValue(b, "max_in_flight", f.MaxInFlight)
	setValue(b, "rate_limit", f.RateLimit)
	setValue(b, "ordered", f.Ordered)
	setValue(b, "project_id", f.Owner)
	setValue(b, "description", f.Description)
	setSeconds(b, "retry_delay", f.RetryDelay)
	setSeconds(b, "timeout", f.Timeout)
	setSeconds(b, "batch_delay", f.BatchDelay)
	setSeconds(b, "max_age", f.MaxAge)
	setSeconds(b, "disable_after", f.DisableAfter)
	if err := f.into(b); err != nil {
		return nil, err
	}
	if f.Unsigned {
		b["secret"] = nil
	}
	if len(f.Header) > 0 {
		b["headers"] = f.Header
	}
	if len(f.RetrySchedule) > 0 {
		waits := make([]float64, len(f.RetrySchedule))
		for i, d := range f.RetrySchedule {
			waits[i] = seconds(d)
		}
		b["retry_schedule"] = waits
	}
	return b, nil
}

func setList(b map[string]any, name string, list []string) {
	if len(list) > 0 {
		b[name] = list
	}
}

func setValue[T any](b map[string]any, name string, p *T) {
	if p != nil {
		b[name] = *p
	}
}

func setSeconds(b map[string]any, name string, p *span) {
	if p != nil {
		b[name] = seconds(*p)
	}
}
