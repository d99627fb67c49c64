package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

type eventTailCmd struct {
	eventFilter
	After string `help:"Begin behind this place of the log; 0 is its beginning. By default, with the next event." placeholder:"PLACE"`
	JSON  bool   `help:"Print each event as a line of JSON."`
}

// Run prints events as they come, until it is interrupted. When the connection
// breaks it goes on where it was.
func (c *eventTailCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	place := tailPlace{last: c.After}
	for {
		err := c.follow(ctx, conn, io, &place)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // Ctrl-C is how it ends.
		}
		var refused *problem
		if err != nil && (!place.known || errors.As(err, &refused) && refused.final()) {
			return err
		}
		if place.open {
			fmt.Fprintln(io.err, "The connection broke; trying again.")
		}
		place.open = false
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil
		}
	}
}

// tailPlace is where a tail stands.
type tailPlace struct {
	last  string // The place behind which it goes on.
	known bool   // There was a connection before.
	open  bool   // The last attempt made one.
}

// follow prints events until the connection ends.
func (c *eventTailCmd) follow(ctx context.Context, conn *connection, io stdio, place *tailPlace) error {
	header := http.Header{"Accept": {"text/event-stream"}}
	if place.last != "" {
		header.Set(headerLastID, place.last)
	}
	resp, err := conn.open(ctx, http.MethodGet, "/v1/events/stream", c.query(), nil, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if !place.known {
		fmt.Fprintln(io.err, "Waiting for events; Ctrl-C ends.")
	}
	place.known, place.open = true, true
	if place.last == "" {
		place.last = resp.Header.Get(headerLastID)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 4<<20)
	id := place.last
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch value = strings.TrimSpace(value); name {
		case "id":
			id = value // Of the message that it begins.
		case "data":
			c.print(io, []byte(value))
			place.last = id
		case "": // A comment, or the end of a message; one without data says where the stream stands.
			place.last = id
		}
	}
	return lines.Err() //nolint:wrapcheck // Run tries again.
}

// headerLastID names a place in the log, as the server has it.
const headerLastID = "Last-Event-Id"

func (c *eventTailCmd) print(io stdio, raw []byte) {
	var e alma.Event
	if c.JSON || json.Unmarshal(raw, &e) != nil {
		fmt.Fprintln(io.out, string(bytes.TrimSpace(raw)))
		return
	}
	fmt.Fprintf(io.out, "%s  %s  %s %s  %s\n", moment(e.AppendedAt), style(io.out, bold, string(e.Type)), orDash(string(e.MemoryType)), visible(e.MemoryID), style(io.out, faint, visible(string(e.Data))))
}
