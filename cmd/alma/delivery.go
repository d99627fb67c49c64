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

	"github.com/alma-events/alma"
)

type deliveryCmd struct {
	List   deliveryListCmd   `cmd:"" help:"List deliveries, the newest event first."`
	Failed deliveryFailedCmd `cmd:"" help:"Count failed deliveries by webhook and reason."`
	Show   deliveryShowCmd   `cmd:"" help:"Show one delivery with its attempts."`
	Retry  deliveryRetryCmd  `cmd:"" help:"Attempt deliveries now: some by name, or all that failed."`
}

type deliveryListCmd struct {
	Webhook string `help:"Only this webhook." placeholder:"ID"`
	Event   string `help:"Only this event." placeholder:"ID"`
	Status  string `help:"Only pending, success, failed or suppressed ones." placeholder:"STATUS"`
	Reason  string `help:"With --status failed: only those that failed for this reason." placeholder:"REASON"`
	period
	listing
}

// Run lists deliveries.
func (c *deliveryListCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	status := alma.DeliveryStatus(strings.ToUpper(c.Status))
	if !slices.Contains([]alma.DeliveryStatus{"", alma.StatusPending, alma.StatusSuccess, alma.StatusFailed, alma.StatusSuppressed}, status) {
		return usagef("--status %q: want pending, success, failed or suppressed", c.Status)
	}
	if c.Reason != "" && status != alma.StatusFailed {
		return usagef("--reason is about failed deliveries: give --status failed too")
	}
	q := c.listing.add(c.period.add(values("webhook_id", c.Webhook, "event_id", c.Event, "status", string(status), "reason", c.Reason)))
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodGet, "/v1/deliveries", q, nil, &raw); err != nil {
		return err
	}
	return printPage(io, c.listing, raw, []string{"EVENT AT", "STATUS", "ATTEMPTS", "TYPE", "URL", "LAST ERROR", "NEXT", "ID"}, deliveryRow,
		"No deliveries.")
}

func deliveryRow(item json.RawMessage) ([]string, error) {
	var d alma.Delivery
	if err := json.Unmarshal(item, &d); err != nil {
		return nil, err //nolint:wrapcheck // printPage says what failed.
	}
	return []string{
		moment(d.CreatedAt), string(d.Status), strconv.Itoa(d.Attempts), string(d.EventType), shorten(d.URL, 48),
		orDash(shorten(d.LastError, 40)), moment(d.NextAttemptAt), d.ID,
	}, nil
}

// attemptAnswer is an attempt as the server shows it.
type attemptAnswer struct {
	Number          int               `json:"number"`
	At              time.Time         `json:"at"`
	DurationMS      float64           `json:"duration_ms"`
	StatusCode      int               `json:"status_code"`
	Reason          string            `json:"reason"`
	Error           string            `json:"error"`
	RequestHeaders  map[string]string `json:"request_headers"`
	ResponseHeaders map[string]string `json:"response_headers"`
	ResponseBody    string            `json:"response_body"`
}

func (a *attemptAnswer) print(io stdio) {
	outcome := style(io.out, green, "taken")
	if a.Reason != "" {
		outcome = style(io.out, red, a.Reason)
	}
	fmt.Fprintf(io.out, "%s attempt %d at %s: %s", style(io.out, bold, "•"), a.Number, moment(a.At), outcome)
	if a.StatusCode != 0 {
		fmt.Fprintf(io.out, ", status %d", a.StatusCode)
	}
	fmt.Fprintf(io.out, ", %.1f ms\n", a.DurationMS)
	if a.Error != "" {
		fmt.Fprintln(io.out, "  error:", visible(a.Error))
	}
	printHeaders(io, "  sent", a.RequestHeaders)
	printHeaders(io, "  answered", a.ResponseHeaders)
	if a.ResponseBody != "" {
		fmt.Fprintln(io.out, "  body: ", visible(shorten(strings.TrimSpace(a.ResponseBody), 400)))
	}
}

func printHeaders(io stdio, title string, headers map[string]string) {
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(io.out, "%s  %s: %s\n", style(io.out, faint, title), visible(name), visible(headers[name]))
	}
}

type deliveryID struct {
	ID string `arg:"" name:"id" help:"The delivery's id, dlv_…"`
}

func (d *deliveryID) path() string { return "/v1/deliveries/" + url.PathEscape(d.ID) }

type deliveryShowCmd struct {
	deliveryID
	Output string `help:"table or json." enum:"table,json" default:"table" short:"o"`
}

// Run shows a delivery.
func (c *deliveryShowCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodGet, c.path(), nil, nil, &raw); err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(io.out, raw)
	}
	var d struct {
		alma.Delivery
		Log []attemptAnswer `json:"attempt_log"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	fmt.Fprintf(io.out, "%s  %s  %s → %s\n", d.ID, style(io.out, bold, string(d.Status)), d.EventID, d.URL)
	for i := range d.Log {
		d.Log[i].print(io)
	}
	if !d.NextAttemptAt.IsZero() {
		fmt.Fprintln(io.out, "next attempt at", moment(d.NextAttemptAt))
	}
	return nil
}
