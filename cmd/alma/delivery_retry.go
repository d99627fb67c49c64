package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/alma-events/alma"
)

// retryFailedAnswer is what the retry of failed deliveries began.
type retryFailedAnswer struct {
	Deliveries int64          `json:"deliveries"`
	Replays    []replayAnswer `json:"replays"`
}

type deliveryRetryCmd struct {
	IDs     []string `arg:"" optional:"" name:"id" help:"Deliveries' ids, dlv_…"`
	Failed  bool     `help:"Instead: all failed deliveries that the flags below select."`
	Webhook string   `help:"With --failed: only to this webhook." placeholder:"ID"`
	Reason  string   `help:"With --failed: only those that failed for this reason." placeholder:"REASON"`
	Follow  bool     `help:"With --failed: watch until all are through." short:"f"`
	period
}

// Run attempts deliveries now.
func (c *deliveryRetryCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	filtered := c.Webhook != "" || c.Reason != "" || c.Since != "" || c.Until != ""
	switch {
	case c.Failed && len(c.IDs) > 0:
		return usagef("name deliveries, or give --failed; not both")
	case !c.Failed && len(c.IDs) == 0:
		return usagef("name the deliveries to retry, or give --failed for all that failed")
	case !c.Failed && (filtered || c.Follow):
		return usagef("--webhook, --reason, --since, --until and --follow are about all failed deliveries: give --failed too")
	case c.Failed:
		return c.retryFailed(ctx, conn, io)
	}
	return c.retryEach(ctx, conn, io)
}

// retryEach goes on after one that cannot be retried, and tells of all of them.
func (c *deliveryRetryCmd) retryEach(ctx context.Context, conn *connection, io stdio) error {
	var errs []error
	for _, id := range c.IDs {
		var d alma.Delivery
		if err := conn.call(ctx, http.MethodPost, (&deliveryID{id}).path()+"/retry", nil, nil, &d); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", id, err))
			if ctx.Err() != nil {
				break
			}
			continue
		}
		fmt.Fprintln(io.out, d.ID, "is attempted now; see: alma delivery show", d.ID)
	}
	if len(c.IDs) == 1 && len(errs) == 1 {
		return errors.Unwrap(errs[0])
	}
	return errors.Join(errs...)
}

func (c *deliveryRetryCmd) retryFailed(ctx context.Context, conn *connection, io stdio) error {
	body := map[string]any{}
	for name, value := range map[string]string{"webhook_id": c.Webhook, "reason": c.Reason, "since": string(c.Since), "until": string(c.Until)} {
		if value != "" {
			body[name] = value
		}
	}
	var answer retryFailedAnswer
	if err := conn.call(ctx, http.MethodPost, "/v1/deliveries/retry", nil, body, &answer); err != nil {
		return err
	}
	if answer.Deliveries == 0 {
		fmt.Fprintln(io.out, "No failed delivery matches.")
		return nil
	}
	fmt.Fprintf(io.out, "%d failed deliveries are tried again:\n", answer.Deliveries)
	for _, r := range answer.Replays {
		fmt.Fprintf(io.out, "  %d to %s; watch it with: alma replay follow %s\n", r.Total, r.WebhookID, r.ID)
	}
	if !c.Follow {
		return nil
	}
	var errs []error
	for _, r := range answer.Replays {
		errs = append(errs, followReplay(ctx, conn, io, r.ID, "table"))
	}
	return errors.Join(errs...)
}
