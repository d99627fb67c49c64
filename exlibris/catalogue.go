package exlibris

import (
	"slices"
	"strings"

	"github.com/alma-events/alma"
)

// Status says how certain a code is.
type Status string

// How certain a code is.
const (
	Seen     Status = "seen"     // In bodies or documentation that are public.
	Inferred Status = "inferred" // Documented as an event; its code is a guess by analogy.
)

// Entry is a line of the catalogue: one event, and what announces it.
type Entry struct {
	Type    alma.EventType  // The event's code; the action's name where there is no code.
	Action  Action          // What the object is about.
	Desc    string          // What the code means. Empty for bodies without one.
	Payload alma.MemoryType // The member that holds the record.
	Status  Status
}

// HasCode reports whether bodies name the event by a code; where not, their
// member event is null.
func (e Entry) HasCode() bool { return string(e.Type) != string(e.Action) }

var catalogue = []Entry{
	{JobEnd, ActionJobEnd, "", PayloadJob, Seen},
	{NotificationSent, ActionNotification, "", PayloadNotification, Seen},
	{UserChanged, ActionUser, "", PayloadUser, Seen},
	{UserCreated, ActionUser, "User created", PayloadUser, Seen},
	{UserUpdated, ActionUser, "User updated", PayloadUser, Seen},
	{UserDeleted, ActionUser, "User deleted", PayloadUser, Seen},
	{LoanCreated, ActionLoan, "Loan created", PayloadLoan, Seen},
	{LoanReturned, ActionLoan, "Loan returned", PayloadLoan, Seen},
	{LoanRenewed, ActionLoan, "Loan renewed", PayloadLoan, Seen},
	{LoanDueDate, ActionLoan, "Loan due date", PayloadLoan, Seen},
	{LoanLost, ActionLoan, "Loan lost", PayloadLoan, Inferred},
	{LoanClaimedReturned, ActionLoan, "Loan claimed returned", PayloadLoan, Inferred},
	{RequestCreated, ActionRequest, "Request created", PayloadRequest, Seen},
	{RequestCanceled, ActionRequest, "Request canceled", PayloadRequest, Seen},
	{RequestClosed, ActionRequest, "Request closed", PayloadRequest, Seen},
	{RequestPlacedOnShelf, ActionRequest, "Request placed on shelf", PayloadRequest, Seen},
	{BibCreated, ActionBib, "BIB record created", PayloadBib, Seen},
	{BibUpdated, ActionBib, "BIB record updated", PayloadBib, Seen},
	{BibDeleted, ActionBib, "BIB record deleted", PayloadBib, Seen},
	{ItemCreated, ActionItem, "Item record created", PayloadItem, Inferred},
	{ItemUpdated, ActionItem, "Item record updated", PayloadItem, Seen},
	{ItemDeleted, ActionItem, "Item record deleted", PayloadItem, Inferred},
}

// Catalogue returns all entries, grouped by action.
func Catalogue() []Entry { return slices.Clone(catalogue) }

// Lookup returns the entry of an event type.
func Lookup(t alma.EventType) (Entry, bool) {
	i := slices.IndexFunc(catalogue, func(e Entry) bool { return e.Type == t })
	if i < 0 {
		return Entry{}, false
	}
	return catalogue[i], true
}

// PayloadOf returns the member that holds the record of an action.
func PayloadOf(a Action) (alma.MemoryType, bool) {
	i := slices.IndexFunc(catalogue, func(e Entry) bool { return e.Action == a })
	if i < 0 {
		return "", false
	}
	return catalogue[i].Payload, true
}

// ActionOf returns the action under which an event is announced. Of codes that
// the catalogue does not have it knows the action when they begin with its
// name: LOAN_PROLONGED of an item_loan is a LOAN. The memory type may be empty
// for types that the catalogue has; with one that the action does not carry
// there is no action.
func ActionOf(t alma.EventType, payload alma.MemoryType) (Action, bool) {
	for _, e := range catalogue {
		listed := e.Type == t || string(e.Action) == string(t)
		rest, begins := strings.CutPrefix(string(t), string(e.Action))
		begins = begins && strings.HasPrefix(rest, "_")
		if payload == e.Payload && (listed || begins) || payload == "" && listed {
			return e.Action, true
		}
	}
	return "", false
}

// TypesOf returns the event types that an action stands for; none when it is
// unknown.
func TypesOf(a Action) []alma.EventType {
	types := []alma.EventType{}
	for _, e := range catalogue {
		if e.Action == a {
			types = append(types, e.Type)
		}
	}
	if len(types) > 0 && !slices.Contains(types, alma.EventType(a)) {
		types = append(types, alma.EventType(a)) // A body whose event is null.
	}
	return types
}
