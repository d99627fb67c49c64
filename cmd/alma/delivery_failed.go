package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/alma-events/alma"
)

type deliveryFailedCmd struct {
	Webhook string `help:"Only to this webhook." placeholder:"ID"`
	Reason  string `help:"Only those that failed for this reason." placeholder:"REASON"`
	Project string `help:"Only those of events of this project."`
	period
	listing
}

// Help says more than the list of flags.
func (*deliveryFailedCmd) Help() string {
	return `Counts what failed by webhook and reason, the webhooks that were made last first.
A + stands where a webhook has more failed deliveries than are counted. Example:

  alma delivery failed --since 24h

Try a group again with: alma delivery retry --failed --webhook ID --reason REASON`
}

// failedGroupAnswer is what failed at one webhook for one reason.
type failedGroupAnswer struct {
	WebhookID string        `json:"webhook_id"`
	URL       string        `json:"url"`
	Reason    string        `json:"reason"`
	Count     int64         `json:"count"`
	More      bool          `json:"more"`
	OldestAt  time.Time     `json:"oldest_at"`
	NewestAt  time.Time     `json:"newest_at"`
	Example   alma.Delivery `json:"example"`
}

// Run counts failed deliveries.
func (c *deliveryFailedCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	q := c.listing.add(c.period.add(values("webhook_id", c.Webhook, "reason", c.Reason, "project_id", c.Project)))
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodGet, "/v1/deliveries/failed", q, nil, &raw); err != nil {
		return err
	}
	return printPage(io, c.listing, raw, []string{"DELIVERIES", "REASON", "OLDEST EVENT", "NEWEST EVENT", "URL", "LAST ERROR", "WEBHOOK"}, failedGroupRow,
		"No failed deliveries.")
}

func failedGroupRow(item json.RawMessage) ([]string, error) {
	var g failedGroupAnswer
	if err := json.Unmarshal(item, &g); err != nil {
		return nil, fmt.Errorf("a group: %w", err)
	}
	count := strconv.FormatInt(g.Count, 10)
	if g.More {
		count += "+"
	}
	return []string{count, g.Reason, moment(g.OldestAt), moment(g.NewestAt), shorten(g.URL, 48), orDash(shorten(g.Example.LastError, 40)), g.WebhookID}, nil
}
