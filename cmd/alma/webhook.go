package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/alma-events/alma"
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
	Replay       webhookReplayCmd       `cmd:"" help:"Send again what the log holds."`
	RotateSecret webhookRotateSecretCmd `cmd:"" help:"Replace the secret by a new one."`
}

type webhookAddCmd struct {
	URL    string  `arg:"" name:"url" help:"Where deliveries go; mailto:ops@example.com for operational events by e-mail."`
	Paused bool    `help:"Do not deliver yet."`
	Secret *string `help:"Sign with this secret. One is made by default." env:"ALMA_SECRET"`
	Output string  `help:"table or json." enum:"table,json" default:"table" short:"o" env:"ALMA_OUTPUT"`
	webhookFlags
}

// Help says more than the list of flags.
func (*webhookAddCmd) Help() string {
	return `Examples:

  alma webhook add https://example.com/hook --event CREATED --event UPDATED --filter 'event.data.confidence > 0.8'
  alma webhook add mailto:ops@example.com --event ALMA_WEBHOOK_DISABLED --event ALMA_BREAKER_OPENED`
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
	Lost        int64   `json:"lost"`
	Format      string  `json:"format"`
	Version     int64   `json:"version"`
	Description string  `json:"description"`

	FormerUntil *time.Time `json:"former_secret_until"`

	Consent *alma.Consent `json:"consent"`
}

// handshakeTime is what a listener that is asked for its consent may take, and
// a little more.
const handshakeTime = 75 * time.Second

// Run registers a webhook.
func (c *webhookAddCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	body, err := c.body(c.Secret)
	if err != nil {
		return err
	}
	body["url"] = c.URL
	if c.Paused {
		body["active"] = false
	}
	conn = conn.patient(handshakeTime)
	if c.Output == "json" {
		return conn.show(ctx, io, http.MethodPost, "/v1/webhooks", body)
	}
	var w webhookAnswer
	if err := conn.call(ctx, http.MethodPost, "/v1/webhooks", nil, body, &w); err != nil {
		return err
	}
	fmt.Fprintln(io.out, "id:    ", w.ID)
	fmt.Fprintln(io.out, "state: ", w.state())
	if w.State == string(alma.StatePending) {
		fmt.Fprintln(io.out, "        events wait; when the listener is ready: alma webhook activate", w.ID)
	}
	if w.Consent != nil {
		fmt.Fprintln(io.out, "asked: ", w.consent())
	}
	if sender := (alma.WebhookConfig{URL: c.URL}); !sender.SendsMail() {
		c.printSecret(io, w.Secret)
	}
	return nil
}

// consent says what the listener answered when it was asked.
func (w *webhookAnswer) consent() string {
	text := "the listener has passed the handshake"
	if w.Consent.Rate > 0 {
		text += fmt.Sprintf(", and takes %d requests a minute", w.Consent.Rate)
	}
	return text
}

// state is the state with its reason.
func (w *webhookAnswer) state() string {
	if w.StateReason == "" {
		return w.State
	}
	return fmt.Sprintf("%s (%s)", w.State, w.StateReason)
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
	if w.Lost > 0 {
		lag += fmt.Sprintf(", %d lost", w.Lost)
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
	Secret  *string  `help:"Sign with this secret from the next attempt on."`
	Version int64    `help:"Only if it is at this version." placeholder:"N"`
	Unset   []string `help:"Bring these settings back to their defaults, by their names in the API." placeholder:"NAME"`
	webhookFlags
}

// Run changes settings.
func (c *webhookEditCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	body, err := c.body(c.Secret)
	if err != nil {
		return err
	}
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
	fmt.Fprintf(io.out, "%s is %s\n", answer.ID, answer.state())
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
	patient := *conn
	patient.Wait = max(conn.Wait, span(alma.MaxTimeout+10*time.Second)) // The listener may take as long.
	var a attemptAnswer
	if err := patient.call(ctx, http.MethodPost, c.path("test"), nil, nil, &a); err != nil {
		return err
	}
	a.print(io)
	if a.Reason != "" {
		return fmt.Errorf("the listener did not take the test event: %s", a.Error)
	}
	return nil
}

type webhookRotateSecretCmd struct {
	webhookID
	Secret  *string `help:"The new secret. One is made by default."`
	Overlap span    `help:"Keep the former secret valid for so long: formats standard and cloudevents are signed with both, the others with the former until then." default:"0s"`
}

// Run replaces the secret.
func (c *webhookRotateSecretCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	if err := checkSecret(c.Secret); err != nil {
		return err
	}
	body := map[string]any{"overlap": seconds(c.Overlap)}
	setValue(body, "secret", c.Secret)
	var w webhookAnswer
	if err := conn.call(ctx, http.MethodPost, c.path("rotate-secret"), nil, body, &w); err != nil {
		return err
	}
	if w.Secret != nil {
		fmt.Fprintln(io.out, "secret:", *w.Secret, style(io.out, faint, "(shown this once)"))
	}
	if w.FormerUntil != nil {
		fmt.Fprintf(io.out, "The former secret is used until %s.\n", w.FormerUntil.Local().Format("2006-01-02 15:04:05"))
	}
	return nil
}
