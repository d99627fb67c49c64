package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/alma-events/alma"
)

type eventSendCmd struct {
	Format string `help:"The format of the file, as a listener gets it: exlibris (JSON or XML), standard, cloudevents; alma for the JSON that \"alma event list --output json\" prints." default:"alma"`
	File   string `arg:"" help:"A file with one event or an array of them, or - for standard input."`
}

// Help says more than the list of flags.
func (*eventSendCmd) Help() string {
	return `Examples:

  echo '{"event_type":"ORDER_PAID","memory_id":"order-17","project_id":"shop","data":{"total":12}}' | alma event send -

  alma event send --format exlibris captured-webhook.json`
}

// Run appends events.
func (c *eventSendCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	body, err := readFile(c.File, io.in)
	if err != nil {
		return err
	}
	query := url.Values{}
	if c.Format != string(alma.FormatAlma) {
		query.Set("format", c.Format)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(conn.Wait))
	defer cancel()
	resp, err := conn.open(ctx, http.MethodPost, "/v1/events", query, json.RawMessage(body), mediaOf(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Accepted   int      `json:"accepted"`
		Duplicates int      `json:"duplicates"`
		EventIDs   []string `json:"event_ids"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	for _, id := range answer.EventIDs {
		fmt.Fprintln(io.out, id)
	}
	fmt.Fprintf(io.err, "%d accepted, %d known before\n", answer.Accepted, answer.Duplicates)
	return nil
}

// mediaOf says what a file holds, which its name need not.
func mediaOf(body []byte) http.Header {
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) {
		return http.Header{"Content-Type": {"application/xml"}}
	}
	return http.Header{"Content-Type": {"application/json"}}
}
