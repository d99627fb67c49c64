package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

const (
	// auditTime bounds the writing of an entry: the answer waits for it.
	auditTime = 5 * time.Second
	// What clients say of themselves is cut to as many bytes.
	maxAuditText = 256
	// maxAuditMembers is more than any object has.
	maxAuditMembers = 64
)

// audited reports whether calls are told to the audit log: those that change
// something and that only admins may make, and those that say so. What other
// keys do, appending events and saving memories, is in the log of events anyway.
func (o *operation) audited() bool {
	return o.method != http.MethodGet && (o.told || slices.Equal(o.roles, onlyRoot))
}

// audit stores an entry about a change that was made or may have been, or that
// the key has no right to. Requests that were refused for what they say changed
// nothing, and neither did those that only asked what would be.
func (s *Server) audit(c *call, status int) {
	if !c.op.audited() || c.key.ID == "" || c.repeat != nil && c.repeat.replayed {
		return
	}
	made := status < http.StatusBadRequest || status >= http.StatusInternalServerError
	if status == http.StatusForbidden || made && !c.quiet {
		s.storeAudit(c.r.Context(), c.auditEntry(status))
	}
}

// storeAudit stores an entry. What cannot be stored is logged and counted: the
// change stays.
func (s *Server) storeAudit(ctx context.Context, e alma.AuditEntry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTime)
	defer cancel()
	if err := s.store.AppendAudit(ctx, e); err != nil {
		s.logger.ErrorContext(ctx, "a change is missing in the audit log", "error", err, "key_id", e.KeyID, "method", e.Method,
			"route", e.Route, "object_id", e.ObjectID, "status", e.Status, "request_id", e.RequestID)
		if s.metrics != nil {
			s.metrics.AuditFailed()
		}
	}
}

func (c *call) auditEntry(status int) alma.AuditEntry {
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		host = c.r.RemoteAddr
	}
	object, project := c.object, c.concerned
	if object == "" {
		object = c.id()
	}
	if project == "" {
		project = c.key.ProjectID
	}
	return alma.AuditEntry{
		ID: alma.NewAuditID(), At: time.Now().UTC(), KeyID: c.key.ID, KeyName: c.key.Name,
		Session:   c.r.Header.Get("Authorization") == "", // Then the dashboard's cookie let it in.
		ProjectID: project, Method: c.op.method, Route: c.op.path, ObjectID: shortText(object), Members: c.members, Status: status,
		Address: host, RequestID: c.w.Header().Get(headerRequestID), UserAgent: shortText(c.r.UserAgent()),
	}
}

// shortText makes what a stranger may have written fit to be stored.
func shortText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), maxAuditText)], ""), "\x00", "")
}

// names notes the members of a body for the audit log; never their values.
func (c *call) names(body []byte) {
	if !c.op.audited() {
		return
	}
	c.members = nil
	for name := range members(body) {
		if len(c.members) < maxAuditMembers {
			c.members = append(c.members, shortText(name))
		}
	}
	slices.Sort(c.members)
}

var (
	paramKeyID    = param{"key_id", "string", "What was done with this key only."}
	paramObjectID = param{"object_id", "string", "What was done to this webhook, memory, source, key, replay or delivery only."}
	paramDone     = param{"since", "date-time", "Done at or after this time."}
	paramDoneTill = param{"until", "date-time", "Done before this time."}
)

func (s *Server) auditCalls() []operation {
	return []operation{{
		method: http.MethodGet, path: "/v1/audit", roles: onlyRoot,
		params:  []param{paramKeyID, paramObjectID, paramProject, paramDone, paramDoneTill, paramLimit, paramAfter},
		summary: "Who changed what, or tried to without the right: the newest first.",
		status:  http.StatusOK, result: typeOf[list[alma.AuditEntry]](), handle: s.listAudit,
	}}
}

func (s *Server) listAudit(c *call) error {
	faults := c.queryFaults
	q := alma.AuditQuery{
		KeyID: c.query.Get(paramKeyID.name), ObjectID: c.query.Get(paramObjectID.name), ProjectID: c.queryProject(),
		Since: c.time(&faults, paramDone), Until: c.time(&faults, paramDoneTill), Cursor: c.cursor(&faults),
	}
	if err := c.refuseList(&faults, func(at alma.Cursor) error {
		_, err := s.store.FindAudit(c.r.Context(), alma.AuditQuery{Cursor: at})
		return err //nolint:wrapcheck // Only what is wrong with the cursor counts.
	}); err != nil {
		return err
	}
	page, err := s.store.FindAudit(c.r.Context(), q)
	if err != nil {
		return fmt.Errorf("alma: list the audit log: %w", err)
	}
	for i := range page.Items {
		page.Items[i].Members = orEmpty(page.Items[i].Members)
	}
	return c.reply(http.StatusOK, newList(page.Items, page.Next))
}
