package exlibris

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/alma-events/alma"
)

// Institution is whose event it is.
type Institution struct {
	Value string `json:"value"` // The code, such as "01EXAMPLE_INST"; the event's project.
	Desc  string `json:"desc"`  // The name, for people. May be empty.
}

// New returns the event that announces a record:
//
//	exlibris.New(exlibris.LoanCreated, institution, loan)
//
// Its Timestamp is that of the append, unless the caller sets it; likewise Job,
// which matters for webhooks that suppress the events of large jobs. The error
// is an [*alma.ValidationError] when the record has no id, or when it is not
// what the type is about. Codes that the catalogue lacks are taken when they
// begin with the action's name, as in "LOAN_PROLONGED".
func New(t alma.EventType, institution Institution, record Payload) (alma.Event, error) {
	e := alma.Event{
		ID: alma.NewEventID(), Type: t, MemoryType: record.MemoryType(), MemoryID: record.RecordID(),
		ProjectID: institution.Value,
	}
	var f alma.Faults
	if _, ok := ActionOf(t, e.MemoryType); !ok {
		f.Addf("event_type", "%q is no event of %s; the catalogue has what is", t, article(e.MemoryType))
	}
	if e.MemoryType == PayloadNotification {
		e.MemoryID = WebhookID(e.ID)
	}
	if e.MemoryID == "" {
		f.Addf("memory_id", "the %s has no id; set %s", e.MemoryType, idField[e.MemoryType])
	}
	var err error
	if e.Data, err = marshal(record); err != nil {
		f.Addf("data", "%v", err)
	}
	if institution.Desc != "" {
		e.Envelope, err = marshal(map[string]Institution{"institution": institution})
		f.Merge("envelope", err)
	}
	return e, f.Err()
}

// idField names the fields that hold the ids of records.
var idField = map[alma.MemoryType]string{
	PayloadJob: "ID", PayloadUser: "User.PrimaryID", PayloadLoan: "LoanID", PayloadRequest: "RequestID",
	PayloadBib: "MMSID", PayloadItem: "ItemData.PID",
}

func article(payload alma.MemoryType) string {
	if payload == PayloadItem || payload == PayloadLoan {
		return "an " + string(payload)
	}
	return "a " + string(payload)
}

// Decode returns the record of an event:
//
//	loan, err := exlibris.Decode[exlibris.Loan](e)
//
// An event about something else is an error.
func Decode[T Payload](e alma.Event) (T, error) {
	var record T
	if want := record.MemoryType(); e.MemoryType != want {
		return record, fmt.Errorf("alma: decode event %s: it holds a record of type %q, not %q", e.ID, e.MemoryType, want)
	}
	if err := json.Unmarshal(e.Data, &record); err != nil {
		return record, fmt.Errorf("alma: decode event %s: %w", e.ID, err)
	}
	return record, nil
}

// WebhookID returns the id of the webhook object of an event that did not come
// as one: 19 digits, as the platform's own ids mostly have. It is derived from
// the event's id, so that it is the same in every retry and replay, and for
// every listener.
func WebhookID(eventID string) string {
	const lowest, span = 1_000_000_000_000_000_000, 8_000_000_000_000_000_000 // Within 63 bits.
	sum := sha256.Sum256([]byte("exlibris webhook id\n" + eventID))
	return strconv.FormatUint(lowest+binary.BigEndian.Uint64(sum[:])%span, 10)
}
