package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/alma-events/alma"
)

type auditCmd struct {
	List auditListCmd `cmd:"" help:"List who changed what, the newest first."`
}

type auditListCmd struct {
	Key     string      `help:"Only what was done with this key." placeholder:"KEY_ID"`
	Object  string      `help:"Only what was done to this webhook, memory, source, key, replay or delivery." placeholder:"ID"`
	Project string      `help:"Only what was done in this project."`
	Since   pointInTime `help:"Only what was done at or after this time: 2026-01-28T12:00:00Z, 2026-01-28, or 24h ago as 24h." placeholder:"TIME"`
	Until   pointInTime `help:"Only what was done before this time." placeholder:"TIME"`
	listing
}

// Run lists entries of the audit log.
func (c *auditListCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	q := c.add(values("key_id", c.Key, "object_id", c.Object, "project_id", c.Project, "since", string(c.Since), "until", string(c.Until)))
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodGet, "/v1/audit", q, nil, &raw); err != nil {
		return err
	}
	return printPage(io, c.listing, raw, []string{"AT", "WHO", "FROM", "DID", "TO", "MEMBERS", "STATUS"}, auditRow, "Nothing was changed through the API yet.")
}

func auditRow(item json.RawMessage) ([]string, error) {
	var e alma.AuditEntry
	if err := json.Unmarshal(item, &e); err != nil {
		return nil, err //nolint:wrapcheck // printPage says what failed.
	}
	who := e.KeyName + " (" + e.KeyID + ")"
	if e.Session {
		who += ", dashboard"
	}
	return []string{
		moment(e.At), who, e.Address, e.Method + " " + strings.TrimPrefix(e.Route, "/v1"), orDash(e.ObjectID),
		orDash(strings.Join(e.Members, " ")), strconv.Itoa(e.Status),
	}, nil
}
