package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

type auditCmd struct {
	List auditListCmd `cmd:"" help:"List who changed what, the newest first."`
}

type auditListCmd struct {
	Key     string `help:"Only what was done with this key." placeholder:"KEY_ID"`
	Object  string `help:"Only what was done to this webhook, memory, source, key, replay or delivery." placeholder:"ID"`
	Project string `help:"Only what was done in this project."`
	Since   string `help:"Only what was done at or after this time (RFC 3339)." placeholder:"TIME"`
	Until   string `help:"Only what was done before this time." placeholder:"TIME"`
	listing
}

// Run lists entries of the audit log.
func (c *auditListCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	q := c.add(values("key_id", c.Key, "object_id", c.Object, "project_id", c.Project, "since", c.Since, "until", c.Until))
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
		e.At.UTC().Format(time.RFC3339), who, e.Address, e.Method + " " + strings.TrimPrefix(e.Route, "/v1"), orDash(e.ObjectID),
		orDash(strings.Join(e.Members, " ")), strconv.Itoa(e.Status),
	}, nil
}
