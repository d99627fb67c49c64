package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"math"

	"github.com/alma-events/alma"
)

// AppendAudit stores who changed what.
func (s *Store) AppendAudit(ctx context.Context, e alma.AuditEntry) error {
	const operation = "store audit entry"
	e.At = e.At.UTC().Round(0)
	text, err := json.Marshal(e)
	if err != nil {
		return wrap(operation, err)
	}
	return s.write(ctx, &job{operation: operation, isolated: true, run: func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, sqlInsertAudit, nanos(e.At), e.KeyID, e.ObjectID, e.ProjectID, string(text))
		return err
	}})
}

// FindAudit lists entries of the audit log, the newest first.
func (s *Store) FindAudit(ctx context.Context, q alma.AuditQuery) (alma.Page[alma.AuditEntry], error) {
	const operation = "find audit entries"
	before, _, err := parseCursor(q.After)
	if err != nil {
		return alma.Page[alma.AuditEntry]{}, wrap(operation, err)
	}
	since, until := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.Since.IsZero() {
		since = nanos(q.Since)
	}
	if !q.Until.IsZero() {
		until = nanos(q.Until)
	}
	var page alma.Page[alma.AuditEntry]
	err = s.read(ctx, operation, func(ctx context.Context, st *statements) error {
		page = alma.Page[alma.AuditEntry]{}
		var last int64
		return st.query(ctx, func(rows *sql.Rows) error {
			if len(page.Items) == q.Size() { // One more than the page holds.
				page.Next = cursorToken(last, math.MaxInt64)
				return nil
			}
			var text string
			if err := rows.Scan(&last, &text); err != nil {
				return err
			}
			var e alma.AuditEntry
			err := decodeJSON("audit entry", text, &e)
			page.Items = append(page.Items, e)
			return err
		}, sqlFindAudit, before, q.KeyID, q.ObjectID, q.ProjectID, since, until, q.Size()+1)
	})
	return page, err
}
