package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

type replayCmd struct {
	List   replayListCmd   `cmd:"" help:"List replays, the newest first."`
	Show   replayShowCmd   `cmd:"" help:"Show one replay."`
	Follow replayFollowCmd `cmd:"" help:"Watch a replay until it has ended."`
	Pause  replayPauseCmd  `cmd:"" help:"Stop a replay where it is."`
	Resume replayResumeCmd `cmd:"" help:"Go on with a paused replay."`
	Cancel replayCancelCmd `cmd:"" help:"End a replay for good."`
}

// replayAnswer is a replay as the server shows it.
type replayAnswer struct {
	ID          string    `json:"id"`
	WebhookID   string    `json:"webhook_id"`
	State       string    `json:"state"`
	StateReason string    `json:"state_reason"`
	WaitsFor    string    `json:"waits_for"`
	Status      string    `json:"status"`
	EventID     string    `json:"event_id"`
	Progress    float64   `json:"progress"`
	Total       int64     `json:"total"`
	Looked      int64     `json:"looked"`
	Delivered   int64     `json:"delivered"`
	Failed      int64     `json:"failed"`
	Retrying    int64     `json:"retrying"`
	Passed      int64     `json:"passed"`
	CreatedAt   time.Time `json:"created_at"`
}

// ended reports whether nothing follows.
func (r *replayAnswer) ended() bool { return r.State != "running" && r.State != "paused" }

// stands is the state with its reason.
func (r *replayAnswer) stands() string {
	reason := r.StateReason
	if reason == "" {
		reason = r.WaitsFor
	}
	if reason == "" {
		return r.State
	}
	return fmt.Sprintf("%s (%s)", r.State, reason)
}

// counts says what became of the events.
func (r *replayAnswer) counts() string {
	parts := []string{fmt.Sprintf("%d delivered", r.Delivered)}
	for _, c := range []struct {
		n    int64
		text string
	}{{r.Retrying, "waiting for a retry"}, {r.Failed, "failed"}, {r.Passed, "passed over"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.text))
		}
	}
	return strings.Join(parts, ", ")
}

type replayListCmd struct {
	Webhook string `help:"Only replays of this webhook." placeholder:"ID"`
	State   string `help:"Only running, paused, done, canceled or failed ones." placeholder:"STATE"`
	listing
}

// Run lists replays.
func (c *replayListCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	states := []string{"", "running", "paused", "done", "canceled", "failed"}
	if !slices.Contains(states, c.State) {
		return usagef("--state %q: want running, paused, done, canceled or failed", c.State)
	}
	q := c.add(values("webhook_id", c.Webhook, "state", c.State))
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodGet, "/v1/replays", q, nil, &raw); err != nil {
		return err
	}
	return printPage(io, c.listing, raw, []string{"ID", "WEBHOOK", "STATE", "PROGRESS", "DELIVERED", "RETRYING", "FAILED", "PASSED", "BEGUN"}, replayRow,
		"No replays. Start one with: alma webhook replay ID")
}

func replayRow(item json.RawMessage) ([]string, error) {
	var r replayAnswer
	if err := json.Unmarshal(item, &r); err != nil {
		return nil, err //nolint:wrapcheck // printPage says what failed.
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	return []string{
		r.ID, r.WebhookID, r.State, percent(r.Progress), number(r.Delivered), number(r.Retrying), number(r.Failed), number(r.Passed), moment(r.CreatedAt),
	}, nil
}

func percent(f float64) string { return fmt.Sprintf("%d %%", int(100*f)) }

type replayID struct {
	ID string `arg:"" name:"id" help:"The replay's id, rpl_…"`
}

func replayPath(id, action string) string {
	p := "/v1/replays/" + url.PathEscape(id)
	if action != "" {
		p += "/" + action
	}
	return p
}

type replayShowCmd struct {
	replayID
	Output string `help:"table or json." enum:"table,json" default:"table" short:"o"`
}

// Run shows a replay.
func (c *replayShowCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodGet, replayPath(c.ID, ""), nil, nil, &raw); err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(io.out, raw)
	}
	var r replayAnswer
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	fmt.Fprintf(io.out, "%s of %s: %s\n", r.ID, r.WebhookID, style(io.out, bold, visible(r.stands())))
	fmt.Fprintf(io.out, "%s of about %d events: %s\n", percent(r.Progress), r.Total, r.counts())
	return nil
}

// act changes a replay's state and says how it stands then.
func (c *replayID) act(ctx context.Context, conn *connection, io stdio, action string) error {
	var r replayAnswer
	if err := conn.call(ctx, http.MethodPost, replayPath(c.ID, action), nil, nil, &r); err != nil {
		return err
	}
	fmt.Fprintf(io.out, "%s is %s\n", r.ID, r.stands())
	return nil
}

type replayPauseCmd struct{ replayID }

// Run stops a replay.
func (c *replayPauseCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	return c.act(ctx, conn, io, "pause")
}

type replayResumeCmd struct{ replayID }

// Run goes on with a replay.
func (c *replayResumeCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	return c.act(ctx, conn, io, "resume")
}

type replayCancelCmd struct{ replayID }

// Run ends a replay.
func (c *replayCancelCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	return c.act(ctx, conn, io, "cancel")
}

type replayFollowCmd struct {
	replayID
	Output string `help:"What to print at the end: table or json." enum:"table,json" default:"table" short:"o" env:"ALMA_OUTPUT"`
}

// Run watches a replay.
func (c *replayFollowCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	return followReplay(ctx, conn, io, c.ID, c.Output)
}
