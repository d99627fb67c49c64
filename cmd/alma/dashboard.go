package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

type dashboardCmd struct{}

// Help says more than the list of flags.
func (*dashboardCmd) Help() string {
	return `The link works once, within 10 minutes, and has the rights of the key that
asked for it. Example:

  alma dashboard --server https://alma.example.com`
}

// Run asks the server for a link and prints it.
func (c *dashboardCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	var link struct {
		Path      string    `json:"path"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := conn.call(ctx, http.MethodPost, "/v1/sessions/link", nil, nil, &link); err != nil {
		return err
	}
	fmt.Fprintln(io.out, strings.TrimSuffix(conn.Server, "/")+link.Path)
	fmt.Fprintf(io.err, "works once, until %s\n", moment(link.ExpiresAt))
	return nil
}
