package postgres

import (
	"context"
	"encoding/json"

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
	return s.do(ctx, operation, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, sqlInsertAudit, e.At, plain(e.KeyID), plain(e.ObjectID), plain(e.ProjectID), string(text))
		return err
	})
}

// FindAudit lists entries of the audit log, the newest first.
func (s *Store) FindAudit(ctx context.Context, q alma.AuditQuery) (alma.Page[alma.AuditEntry], error) {
	const operation = "find audit entries"
	_, before, err := parseCursor(q.After)
	if err != nil {
		return alma.Page[alma.AuditEntry]{}, wrap(operation, err)
	}
	var page alma.Page[alma.AuditEntry]
	err = s.list(ctx, operation, func(ctx context.Context) error {
		page = alma.Page[alma.AuditEntry]{}
		rows, err := s.pool.Query(ctx, sqlFindAudit, before, plain(q.KeyID), plain(q.ObjectID), plain(q.ProjectID), bound(q.Since), bound(q.Until), q.Size()+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		var last int64
		for rows.Next() {
			if len(page.Items) == q.Size() { // One more than the page holds.
				page.Next = cursorToken(place{}, last)
				return nil
			}
			var text string
			if err := rows.Scan(&last, &text); err != nil {
				return err
			}
			var e alma.AuditEntry
			if err := decodeJSON("audit entry", text, &e); err != nil {
				return err
			}
			page.Items = append(page.Items, e)
		}
		return rows.Err()
	})
	return page, err
}
