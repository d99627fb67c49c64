package main

import (
	"context"
	"fmt"
	"net/http"
)

type healthCmd struct {
	Live bool `help:"Ask only whether the process answers, and not whether its database does."`
}

// Help says more than the list of flags.
func (*healthCmd) Help() string {
	return `Exits with 0 when the server at --server can take events and deliver them, and
with 1 when it cannot, or does not answer within --wait. It needs no key.`
}

// Run asks.
func (c *healthCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	path := "/readyz"
	if c.Live {
		path = "/healthz"
	}
	var answer struct {
		Status string `json:"status"`
	}
	if err := conn.call(ctx, http.MethodGet, path, nil, nil, &answer); err != nil {
		return err
	}
	fmt.Fprintln(io.out, visible(answer.Status))
	return nil
}
