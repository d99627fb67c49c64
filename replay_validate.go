package alma

import "strings"

// Validate returns a [*ValidationError] with every fault of the query.
func (q *ReplayQuery) Validate() error {
	var faults Faults
	if q.EventID != "" && !isEventID(q.EventID) {
		faults.Addf("event_id", "%s is no event id: want 1 to %d letters, digits, \"_\" or \"-\"", quoteShort(q.EventID), MaxEventIDBytes)
	}
	if !q.Until.IsZero() && !q.Since.Before(q.Until) {
		faults.Addf("until", "lies not after since: since is included, until is not")
	}
	if !q.To.IsZero() && q.To.Before(q.From) {
		faults.Addf("to", "%s lies before from, %s", q.To, q.From)
	}
	switch q.Status {
	case "", StatusSuccess, StatusFailed, StatusSuppressed:
	case StatusPending:
		faults.Addf("status", "pending deliveries are on their way; want SUCCESS, FAILED or SUPPRESSED")
	default:
		faults.Addf("status", "%s is unknown; want SUCCESS, FAILED or SUPPRESSED", quoteShort(string(q.Status)))
	}
	CheckReason(&faults, "reason", q.Reason)
	if q.Reason != "" && q.Status != StatusFailed {
		faults.Addf("reason", "selects among failed deliveries: set status to FAILED, or leave reason out")
	}
	return faults.Err()
}

// Reasons lists all reasons for which a delivery can fail.
func Reasons() []Reason {
	return []Reason{
		ReasonTimeout, ReasonDNS, ReasonConnect, ReasonTLS, ReasonBlockedAddress, ReasonRedirect, ReasonStatus4xx, ReasonStatus5xx,
		ReasonGone, ReasonTooLarge, ReasonHandshake, ReasonEncode, ReasonWebhookDeleted, ReasonCallback, ReasonProtocol, ReasonErased, ReasonExpired,
	}
}

// CheckReason notes a fault when r is set and none of [Reasons].
func CheckReason(faults *Faults, field string, r Reason) {
	if r == "" {
		return
	}
	names := make([]string, 0, len(Reasons()))
	for _, known := range Reasons() {
		if r == known {
			return
		}
		names = append(names, string(known))
	}
	faults.Addf(field, "%s is unknown; want one of %s", quoteShort(string(r)), strings.Join(names, ", "))
}

// Validate returns a [*ValidationError] with every fault of the query.
func (q *PurgeQuery) Validate() error {
	var faults Faults
	if q.MemoryID == "" && q.Agent == "" && q.ProjectID == "" && q.Since.IsZero() && q.Until.IsZero() {
		faults.Addf("", "name what is to be erased: memory_id, agent, project_id, since or until")
	}
	if !q.Until.IsZero() && !q.Since.Before(q.Until) {
		faults.Addf("until", "lies not after since: since is included, until is not")
	}
	return faults.Err()
}
