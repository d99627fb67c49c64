package storagetest

import (
	"fmt"
	"time"

	"github.com/alma-events/alma"
)

var auditCases = []testCase{
	{"RoundTrip", "an entry comes back as it was stored, empty members too", testAuditRoundTrip},
	{"Filters", "filters add up; since is included, until is not", testAuditFilters},
	{"Pages", "entries are listed newest first, and those that arrive meanwhile neither shift nor repeat later pages", testAuditPages},
	{"Old", "entries go at their own age, whatever else is kept", testAuditOld},
}

func auditEntry(n int) alma.AuditEntry {
	return alma.AuditEntry{
		ID: fmt.Sprintf("aud_%d", n), At: moment.Add(time.Duration(n) * time.Second), KeyID: "key_1", KeyName: "Ünï \"x\"", Session: true,
		ProjectID: "p", Method: "PATCH", Route: "/v1/webhooks/{id}", ObjectID: "wh_1", Members: []string{"secret", "url"}, Status: 200,
		Address: "192.0.2.1", RequestID: "req_1", UserAgent: "curl/8",
	}
}

func (e *env) audit(entry alma.AuditEntry) alma.AuditEntry {
	e.Helper()
	e.check(e.AppendAudit(e.ctx, entry), "append to the audit log")
	return entry
}

func (e *env) audited(q alma.AuditQuery) []alma.AuditEntry {
	e.Helper()
	page, err := e.FindAudit(e.ctx, q)
	e.check(err, "find audit entries")
	return page.Items
}

func testAuditRoundTrip(e *env) {
	e.equal(len(e.audited(alma.AuditQuery{})), 0, "entries of a new store")
	full := e.audit(auditEntry(1))
	bare := e.audit(alma.AuditEntry{ID: "aud_2", At: moment})
	e.equal(e.audited(alma.AuditQuery{}), []alma.AuditEntry{bare, full}, "entries")
}

func testAuditFilters(e *env) {
	var all []alma.AuditEntry
	for i := range 3 {
		all = append(all, auditEntry(i))
	}
	all[0].KeyID, all[1].ObjectID, all[2].ProjectID = "key_2", "wh_2", "q"
	for _, entry := range all {
		e.audit(entry)
	}
	for _, c := range []struct {
		q    alma.AuditQuery
		want []alma.AuditEntry
	}{
		{alma.AuditQuery{KeyID: "key_2"}, all[:1]},
		{alma.AuditQuery{ObjectID: "wh_2"}, all[1:2]},
		{alma.AuditQuery{ProjectID: "q"}, all[2:]},
		{alma.AuditQuery{ProjectID: "p", KeyID: "key_1"}, all[1:2]},
		{alma.AuditQuery{Since: all[1].At, Until: all[2].At}, all[1:2]},
		{alma.AuditQuery{ObjectID: "wh_3"}, nil},
	} {
		e.equal(e.audited(c.q), c.want, fmt.Sprintf("entries of %+v", c.q))
	}
}

func testAuditPages(e *env) {
	for i := range 5 {
		e.audit(auditEntry(i))
	}
	var seen []string
	q := alma.AuditQuery{Cursor: alma.Cursor{Limit: 2}}
	for {
		page, err := e.FindAudit(e.ctx, q)
		e.check(err, "find audit entries")
		for _, entry := range page.Items {
			seen = append(seen, entry.ID)
		}
		e.audit(auditEntry(100 + len(seen)))
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	e.equal(seen, []string{"aud_4", "aud_3", "aud_2", "aud_1", "aud_0"}, "entries over the pages")
	if _, err := e.FindAudit(e.ctx, alma.AuditQuery{Cursor: alma.Cursor{After: "nonsense"}}); err == nil {
		e.Fatal("a cursor of nothing was taken")
	}
}

func testAuditOld(e *env) {
	for i := range 3 {
		e.audit(auditEntry(i))
	}
	e.equal(e.prune(alma.Retention{Events: later(), Attempts: later(), Deliveries: later()}).Audit, int64(0), "entries that went with other things")
	e.equal(e.prune(alma.Retention{Audit: auditEntry(2).At}).Audit, int64(2), "entries that went")
	e.equal(e.audited(alma.AuditQuery{}), []alma.AuditEntry{auditEntry(2)}, "entries that are left")
}
