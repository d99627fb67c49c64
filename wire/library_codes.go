package wire

import "github.com/alma-events/alma"

// libraryCodes are the event types of the library platform.
var libraryCodes = map[alma.EventType]bool{
	"JOB_END": true, "NOTIFICATION": true,
	"USER": true, "USER_CREATED": true, "USER_UPDATED": true, "USER_DELETED": true,
	"LOAN_CREATED": true, "LOAN_RETURNED": true, "LOAN_RENEWED": true, "LOAN_DUE_DATE": true,
	"LOAN_LOST": true, "LOAN_CLAIMED_RETURNED": true,
	"REQUEST_CREATED": true, "REQUEST_CANCELED": true, "REQUEST_CLOSED": true, "REQUEST_PLACED_ON_SHELF": true,
	"BIB_CREATED": true, "BIB_UPDATED": true, "BIB_DELETED": true,
	"ITEM_CREATED": true, "ITEM_UPDATED": true, "ITEM_DELETED": true,
}

// libraryCode reports whether t is an event type of the library platform.
func libraryCode(t alma.EventType) bool { return libraryCodes[t] }
