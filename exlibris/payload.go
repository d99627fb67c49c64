package exlibris

import (
	"encoding/json"

	"github.com/alma-events/alma"
)

// Payload is a record that a webhook carries: [Job], [Loan], [Request],
// [UserChange], [Bib], [Item] or [Notification].
type Payload interface {
	// MemoryType returns the name of the member that holds it.
	MemoryType() alma.MemoryType
	// RecordID returns the id of the record; empty for a letter, which has none.
	RecordID() string
}

// MemoryType returns [PayloadJob].
func (Job) MemoryType() alma.MemoryType { return PayloadJob }

// MemoryType returns [PayloadNotification].
func (Notification) MemoryType() alma.MemoryType { return PayloadNotification }

// MemoryType returns [PayloadUser].
func (UserChange) MemoryType() alma.MemoryType { return PayloadUser }

// MemoryType returns [PayloadLoan].
func (Loan) MemoryType() alma.MemoryType { return PayloadLoan }

// MemoryType returns [PayloadRequest].
func (Request) MemoryType() alma.MemoryType { return PayloadRequest }

// MemoryType returns [PayloadBib].
func (Bib) MemoryType() alma.MemoryType { return PayloadBib }

// MemoryType returns [PayloadItem].
func (Item) MemoryType() alma.MemoryType { return PayloadItem }

// RecordID returns the id of the job's run.
func (j Job) RecordID() string { return j.ID }

// RecordID returns "": a letter is known by the id of its webhook alone.
func (Notification) RecordID() string { return "" }

// RecordID returns the user's primary id.
func (u UserChange) RecordID() string { return u.User.PrimaryID }

// RecordID returns the loan's id.
func (l Loan) RecordID() string { return l.LoanID }

// RecordID returns the request's id.
func (r Request) RecordID() string { return r.RequestID }

// RecordID returns the record's MMS id.
func (b Bib) RecordID() string { return b.MMSID }

// RecordID returns the item's PID.
func (i Item) RecordID() string { return i.ItemData.PID }

// idPaths say where each payload holds the id of its record.
var idPaths = map[alma.MemoryType][]string{
	PayloadJob:     {"id"},
	PayloadUser:    {"user", "primary_id"},
	PayloadLoan:    {"loan_id"},
	PayloadRequest: {"request_id"},
	PayloadBib:     {"mms_id"},
	PayloadItem:    {"item_data", "pid"},
}

// RecordID returns the id of a record that has not been decoded, and "" when it
// has none, or none that is a text.
func RecordID(payload alma.MemoryType, record json.RawMessage) string {
	path := idPaths[payload]
	if path == nil {
		return ""
	}
	for _, name := range path {
		var members map[string]json.RawMessage
		if json.Unmarshal(record, &members) != nil {
			return ""
		}
		record = members[name]
	}
	var id string
	if json.Unmarshal(record, &id) != nil {
		return ""
	}
	return id
}

// Prototype returns a pointer to an empty record of a kind, to decode into;
// nil for an unknown one.
func Prototype(payload alma.MemoryType) any {
	switch payload {
	case PayloadJob:
		return new(Job)
	case PayloadNotification:
		return new(Notification)
	case PayloadUser:
		return new(UserChange)
	case PayloadLoan:
		return new(Loan)
	case PayloadRequest:
		return new(Request)
	case PayloadBib:
		return new(Bib)
	case PayloadItem:
		return new(Item)
	default:
		return nil
	}
}
