package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

type webhookReplayCmd struct {
	webhookID
	period
	From   string `help:"From this place in the log on; what follows the last _ in a delivery's id." placeholder:"PLACE"`
	To     string `help:"Up to this place in the log, included." placeholder:"PLACE"`
	Status string `help:"Only deliveries that are success, failed or suppressed." placeholder:"STATUS"`
	Reason string `help:"With --status failed: only those that failed for this reason." placeholder:"REASON"`
	Event  string `help:"Only this event." placeholder:"ID"`
	Follow bool   `help:"Watch until it has ended." short:"f"`
	Output string `help:"table or json." enum:"table,json" default:"table" short:"o" env:"ALMA_OUTPUT"`
}

// Help says more than the list of flags.
func (*webhookReplayCmd) Help() string {
	return `A replay is a job of the server: it goes on when this command ends, and over
restarts. Example:

  alma webhook replay wh_… --since 24h --follow
  alma webhook replay wh_… --since 2026-01-28T08:00:00Z --until 2026-01-28T12:00:00Z`
}

// Run starts a replay.
func (c *webhookReplayCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	body := map[string]any{}
	for name, value := range map[string]string{
		"since": string(c.Since), "until": string(c.Until), "from": c.From, "to": c.To, "status": strings.ToUpper(c.Status), "reason": c.Reason, "event_id": c.Event,
	} {
		if value != "" {
			body[name] = value
		}
	}
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodPost, c.path("replay"), nil, body, &raw); err != nil {
		return err
	}
	if c.Output == "json" && !c.Follow {
		return printJSON(io.out, raw)
	}
	var r replayAnswer
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	if c.Follow {
		return followReplay(ctx, conn, io, r.ID, c.Output)
	}
	fmt.Fprintf(io.out, "%s begins, about %d events; watch it with: alma replay follow %s\n", r.ID, r.Total, r.ID)
	return nil
}
