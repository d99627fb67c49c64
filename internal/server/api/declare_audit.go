package api

import (
	"context"
	"net/http"
	"time"

	"github.com/alma-events/alma"
)

// Who the audit log names for what a config file declares.
const (
	declaredBy     = "config_file"
	declaredByName = "config file"
)

// applied is a change of a declaration that was made, or may have been.
type applied struct {
	*intent
	id     string // Of the thing.
	status int
}

// apply makes one change and tells the audit log of it: each for itself, so that
// the log says what became of what, also when a later one fails.
func (s *Server) apply(ctx context.Context, p intent, entry func(applied) alma.AuditEntry) error {
	id, err := p.do(ctx)
	done := applied{&p, id, http.StatusOK}
	if err != nil {
		if done.status = statusOf(err); done.status < http.StatusInternalServerError {
			return err // It was refused, and changed nothing.
		}
	}
	s.storeAudit(ctx, entry(done))
	return err
}

func statusOf(err error) int {
	if p := problemOf(err); p != nil {
		return p.Status
	}
	return http.StatusInternalServerError
}

// auditApplied makes the entry of a change that somebody asked for by a call.
func (c *call) auditApplied(done applied) alma.AuditEntry {
	c.quiet = true
	e := c.auditEntry(done.status)
	done.describe(&e)
	return e
}

// auditDeclared makes the entry of a change that the config file declares.
func auditDeclared(done applied) alma.AuditEntry {
	e := alma.AuditEntry{
		ID: alma.NewAuditID(), At: time.Now().UTC(), KeyID: declaredBy, KeyName: declaredByName,
		Method: http.MethodPost, Route: pathApply, Status: done.status,
	}
	done.describe(&e)
	return e
}

// describe says which thing was changed, and what of it.
func (a applied) describe(e *alma.AuditEntry) {
	e.Route += ": " + a.Action + " " + a.Kind
	e.ObjectID, e.ProjectID, e.Members = shortText(a.id), a.project, nil
	for _, m := range a.Diff {
		e.Members = append(e.Members, shortText(m.Name))
	}
	if e.ObjectID == "" {
		e.ObjectID = shortText(a.Name)
	}
}
