package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

type webhookCmd struct {
	Add          webhookAddCmd          `cmd:"" help:"Register a webhook."`
	List         webhookListCmd         `cmd:"" help:"List webhooks and how they do."`
	Show         webhookShowCmd         `cmd:"" help:"Show one webhook with all settings."`
	Edit         webhookEditCmd         `cmd:"" help:"Change settings."`
	Remove       webhookRemoveCmd       `cmd:"" help:"Remove a webhook."`
	Activate     webhookActivateCmd     `cmd:"" help:"Repeat the handshake of a webhook that waits for it."`
	Pause        webhookPauseCmd        `cmd:"" help:"Stop deliveries; events wait."`
	Resume       webhookResumeCmd       `cmd:"" help:"Go on with deliveries, also after the webhook was disabled."`
	Test         webhookTestCmd         `cmd:"" help:"Send a test event and show the answer."`
	RotateSecret webhookRotateSecretCmd `cmd:"" help:"Replace the secret by a new one."`
}

// webhookFlags are the settings of a webhook. Those that are not given keep
// their value, or get their default.
type webhookFlags struct {
	Event         []string          `help:"Deliver events of this type; several times for several. All by default." placeholder:"TYPE"`
	Format        *string           `help:"The wire format." placeholder:"alma"`
	Secret        *string           `help:"Sign with this secret. One is made by default." env:"ALMA_SECRET"`
	Unsigned      bool              `help:"Do not sign."`
	Header        map[string]string `help:"Send this header with each request." placeholder:"NAME=VALUE"`
	RetryCount    *int              `help:"Attempts after the first." placeholder:"3"`
	RetryDelay    *time.Duration    `help:"Wait after the first attempt." placeholder:"5s"`
	RetryBackoff  *float64          `help:"Multiplies the wait each time." placeholder:"2"`
	RetrySchedule []time.Duration   `help:"The waits, one by one, instead of the three above." placeholder:"1m,10m,1h"`
	Agent         []string          `help:"Only events of this agent."`
	Project       []string          `help:"Only events of this project."`
	Type          []string          `help:"Only events of this kind of memory or record."`
	Filter        *string           `help:"Only events for which this CEL expression holds, such as: event.data.confidence > 0.8" placeholder:"CEL"`
	Timeout       *time.Duration    `help:"Bound one request." placeholder:"30s"`
	BatchSize     *int              `help:"Events in a request." placeholder:"1"`
	BatchDelay    *time.Duration    `help:"How long a batch waits to fill." placeholder:"1s"`
	MaxInFlight   *int              `help:"Concurrent requests." placeholder:"64"`
	RateLimit     *float64          `help:"Requests per second; 0 for no limit." placeholder:"0"`
	Ordered       *bool             `help:"Strictly one after another, in log order." negatable:""`
	MaxAge        *time.Duration    `help:"Do not send older events; 0 for no limit." placeholder:"0s"`
	Owner         *string           `help:"The project that owns the webhook: it sees no other." placeholder:"PROJECT"`
	Contact       []string          `help:"Tell this e-mail address of failed deliveries."`
	DisableAfter  *time.Duration    `help:"Disable after so much unbroken failure; 0 for never." placeholder:"120h"`
	Description   *string           `help:"A note for people."`
}

// body returns the settings that were given, with their names in the API.
func (f *webhookFlags) body() map[string]any {
	b := map[string]any{}
	setList(b, "events", f.Event)
	setList(b, "agent_filter", f.Agent)
	setList(b, "project_filter", f.Project)
	setList(b, "type_filter", f.Type)
	setList(b, "contacts", f.Contact)
	setValue(b, "format", f.Format)
	setValue(b, "secret", f.Secret)
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
	return b
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

func setSeconds(b map[string]any, name string, p *time.Duration) {
	if p != nil {
		b[name] = seconds(*p)
	}
}

type webhookAddCmd struct {
	URL    string `arg:"" name:"url" help:"Where deliveries go."`
	Paused bool   `help:"Do not deliver yet."`
	webhookFlags
}

// Help says more than the list of flags.
func (*webhookAddCmd) Help() string {
	return `Example:

  alma webhook add https://example.com/hook --event CREATED --event UPDATED --filter 'event.data.confidence > 0.8'`
}

// webhookAnswer is what of a webhook the command line looks at.
type webhookAnswer struct {
	ID          string  `json:"id"`
	URL         string  `json:"url"`
	State       string  `json:"state"`
	StateReason string  `json:"state_reason"`
	Secret      *string `json:"secret"`
	Health      string  `json:"health"`
	Lag         int64   `json:"lag"`
	LagSeconds  float64 `json:"lag_seconds"`
	Waiting     int     `json:"waiting"`
	Format      string  `json:"format"`
	Version     int64   `json:"version"`
	Description string  `json:"description"`
}

// Run registers a webhook.
func (c *webhookAddCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	body := c.body()
	body["url"] = c.URL
	if c.Paused {
		body["active"] = false
	}
	var w webhookAnswer
	if err := conn.call(ctx, http.MethodPost, "/v1/webhooks", nil, body, &w); err != nil {
		return err
	}
	fmt.Fprintln(io.out, "id:    ", w.ID)
	fmt.Fprintln(io.out, "state: ", w.State, w.StateReason)
	c.printSecret(io, w.Secret)
	return nil
}

func (c *webhookAddCmd) printSecret(io stdio, secret *string) {
	switch {
	case secret == nil:
		fmt.Fprintln(io.out, "secret: none; deliveries are not signed")
	case c.Secret != nil:
		fmt.Fprintln(io.out, "secret: as given")
	default:
		fmt.Fprintln(io.out, "secret:", *secret, style(io.out, faint, "(shown this once)"))
	}
}

type webhookListCmd struct{ listing }

// Run lists webhooks.
func (c *webhookListCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodGet, "/v1/webhooks", c.add(url.Values{}), nil, &raw); err != nil {
		return err
	}
	return printPage(io, c.listing, raw, []string{"ID", "STATE", "HEALTH", "LAG", "RETRIES", "FORMAT", "URL", "DESCRIPTION"}, webhookRow,
		"No webhooks. Register one with: alma webhook add URL")
}

func webhookRow(item json.RawMessage) ([]string, error) {
	var w webhookAnswer
	if err := json.Unmarshal(item, &w); err != nil {
		return nil, err //nolint:wrapcheck // printPage says what failed.
	}
	lag := strconv.FormatInt(w.Lag, 10)
	if w.Lag > 0 {
		lag += fmt.Sprintf(" (%s)", time.Duration(w.LagSeconds*float64(time.Second)).Round(time.Second))
	}
	return []string{w.ID, w.State, w.Health, lag, strconv.Itoa(w.Waiting), w.Format, shorten(w.URL, 60), orDash(shorten(w.Description, 30))}, nil
}

// webhookID is the argument of the commands about one webhook.
type webhookID struct {
	ID string `arg:"" name:"id" help:"The webhook's id, wh_…"`
}

func (w *webhookID) path(action string) string {
	p := "/v1/webhooks/" + url.PathEscape(w.ID)
	if action != "" {
		p += "/" + action
	}
	return p
}

type webhookShowCmd struct{ webhookID }

// Run shows a webhook.
func (c *webhookShowCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	return conn.show(ctx, io, http.MethodGet, c.path(""), nil)
}

type webhookEditCmd struct {
	webhookID
	URL     *string  `name:"url" help:"Where deliveries go."`
	Version int64    `help:"Only if it is at this version."`
	Unset   []string `help:"Bring these settings back to their defaults, by their names in the API." placeholder:"NAME"`
	webhookFlags
}

// Run changes settings.
func (c *webhookEditCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	body := c.body()
	setValue(body, "url", c.URL)
	for _, name := range c.Unset {
		body[name] = nil
	}
	if len(body) == 0 {
		return usagef("nothing to change: name a setting; \"alma webhook edit --help\" lists them")
	}
	return conn.change(ctx, io, c.path(""), c.Version, body)
}

type webhookRemoveCmd struct{ webhookID }

// Run removes a webhook.
func (c *webhookRemoveCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	if err := conn.call(ctx, http.MethodDelete, c.path(""), nil, nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(io.err, "removed", c.ID)
	return nil
}

// act makes a call about a webhook and says in which state it is then.
func (w *webhookID) act(ctx context.Context, conn *connection, io stdio, action string) error {
	var answer webhookAnswer
	if err := conn.call(ctx, http.MethodPost, w.path(action), nil, nil, &answer); err != nil {
		return err
	}
	fmt.Fprintln(io.out, answer.ID, answer.State, answer.StateReason)
	return nil
}

type webhookActivateCmd struct{ webhookID }

// Run repeats the handshake.
func (c *webhookActivateCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	return c.act(ctx, conn, io, "activate")
}

type webhookPauseCmd struct{ webhookID }

// Run stops deliveries.
func (c *webhookPauseCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	return c.act(ctx, conn, io, "pause")
}

type webhookResumeCmd struct{ webhookID }

// Run goes on with deliveries.
func (c *webhookResumeCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	return c.act(ctx, conn, io, "resume")
}

type webhookTestCmd struct{ webhookID }

// Run sends a test event; it fails when the listener does not take it.
func (c *webhookTestCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	var a attemptAnswer
	if err := conn.call(ctx, http.MethodPost, c.path("test"), nil, nil, &a); err != nil {
		return err
	}
	a.print(io)
	if a.Reason != "" {
		return fmt.Errorf("the listener did not take the test event: %s", a.Error)
	}
	return nil
}

type webhookRotateSecretCmd struct{ webhookID }

// Run replaces the secret.
func (c *webhookRotateSecretCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	var w webhookAnswer
	if err := conn.call(ctx, http.MethodPost, c.path("rotate-secret"), nil, nil, &w); err != nil {
		return err
	}
	if w.Secret != nil {
		fmt.Fprintln(io.out, "secret:", *w.Secret, style(io.out, faint, "(shown this once)"))
	}
	return nil
}
