package dashboard

import (
	"net/url"

	"github.com/alma-events/alma"
)

type auditPage struct {
	List     listing[alma.AuditEntry]
	Filters  []filter
	Query    url.Values
	Filtered bool
	Faults   []alma.Fault
}

var auditFilters = []filter{
	{Name: "key_id", Label: "Key", Hint: "key_…"},
	{Name: "object_id", Label: "What was changed", Hint: "its id"},
	{Name: "project_id", Label: "Project"},
}

// showAudit lists who changed what.
func showAudit(v *visit) error {
	p := auditPage{Query: v.r.URL.Query()}
	var query url.Values
	p.Filters, query = v.read(append(auditFilters[:len(auditFilters):len(auditFilters)], timeFilters...))
	p.Filtered = len(query) > 0
	var err error
	if p.Faults, err = list(v, "/v1/audit", query, &p.List); err != nil {
		return err
	}
	return v.render("audit", "Audit", "/audit", p)
}
