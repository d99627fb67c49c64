package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/alma-events/alma"
)

type keyCmd struct {
	Add    keyAddCmd    `cmd:"" help:"Make an API key; it is shown once."`
	List   keyListCmd   `cmd:"" help:"List API keys."`
	Remove keyRemoveCmd `cmd:"" help:"Remove an API key."`
}

type keyAddCmd struct {
	Name    string `arg:"" help:"What the key is for."`
	Role    string `help:"admin, ingest or read." enum:"admin,ingest,read" default:"ingest"`
	Project string `help:"Bind the key to this project."`

	RateLimit perSecond `name:"rate-limit" help:"Let the key make so many requests a second at each node. (default: what the server lets every key make)" placeholder:"N[/s]"`
}

// Run makes a key and prints it.
func (c *keyAddCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	var k struct {
		alma.Key
		Secret string `json:"key"`
	}
	body := map[string]any{"name": c.Name, "role": c.Role, "project_id": c.Project}
	if c.RateLimit > 0 {
		body["rate_limit"] = float64(c.RateLimit)
	}
	if err := conn.call(ctx, http.MethodPost, "/v1/keys", nil, body, &k); err != nil {
		return err
	}
	fmt.Fprintln(io.out, k.Secret)
	fmt.Fprintf(io.err, "made %s with the role %s; the key is shown this once\n", k.ID, k.Role)
	return nil
}

type keyListCmd struct{ listing }

// Run lists keys.
func (c *keyListCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodGet, "/v1/keys", c.add(url.Values{}), nil, &raw); err != nil {
		return err
	}
	return printPage(io, c.listing, raw, []string{"CREATED", "NAME", "ROLE", "PROJECT", "LAST USED", "LIMIT", "ID"}, keyRow, "No keys.")
}

func keyRow(item json.RawMessage) ([]string, error) {
	var k alma.Key
	if err := json.Unmarshal(item, &k); err != nil {
		return nil, err //nolint:wrapcheck // printPage says what failed.
	}
	used, limit := "never", "-"
	if !k.LastUsedAt.IsZero() {
		used = moment(k.LastUsedAt)
	}
	if k.RateLimit > 0 {
		limit = strconv.FormatFloat(k.RateLimit, 'f', -1, 64) + "/s"
	}
	return []string{moment(k.CreatedAt), k.Name, string(k.Role), orDash(k.ProjectID), used, limit, k.ID}, nil
}

type keyRemoveCmd struct {
	ID string `arg:"" name:"id" help:"The key's id, key_…"`
}

// Run removes a key.
func (c *keyRemoveCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	if err := conn.call(ctx, http.MethodDelete, "/v1/keys/"+url.PathEscape(c.ID), nil, nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(io.err, "removed", c.ID)
	return nil
}
