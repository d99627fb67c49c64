package exlibris

import "github.com/alma-events/alma"

// Action says what kind of thing a webhook is about.
type Action string

// The actions.
const (
	ActionJobEnd       Action = "JOB_END"
	ActionNotification Action = "NOTIFICATION"
	ActionUser         Action = "USER"
	ActionLoan         Action = "LOAN"
	ActionRequest      Action = "REQUEST"
	ActionBib          Action = "BIB"
	ActionItem         Action = "ITEM"
)

// The event types. Those named like an action stand for bodies without an
// event code.
const (
	JobEnd               alma.EventType = "JOB_END"
	NotificationSent     alma.EventType = "NOTIFICATION"
	UserChanged          alma.EventType = "USER" // As sent in 2020: the payload's method says what was done.
	UserCreated          alma.EventType = "USER_CREATED"
	UserUpdated          alma.EventType = "USER_UPDATED"
	UserDeleted          alma.EventType = "USER_DELETED"
	LoanCreated          alma.EventType = "LOAN_CREATED"
	LoanReturned         alma.EventType = "LOAN_RETURNED"
	LoanRenewed          alma.EventType = "LOAN_RENEWED"
	LoanDueDate          alma.EventType = "LOAN_DUE_DATE"
	LoanLost             alma.EventType = "LOAN_LOST"             // Inferred.
	LoanClaimedReturned  alma.EventType = "LOAN_CLAIMED_RETURNED" // Inferred.
	RequestCreated       alma.EventType = "REQUEST_CREATED"
	RequestCanceled      alma.EventType = "REQUEST_CANCELED"
	RequestClosed        alma.EventType = "REQUEST_CLOSED"
	RequestPlacedOnShelf alma.EventType = "REQUEST_PLACED_ON_SHELF"
	BibCreated           alma.EventType = "BIB_CREATED"
	BibUpdated           alma.EventType = "BIB_UPDATED"
	BibDeleted           alma.EventType = "BIB_DELETED"
	ItemCreated          alma.EventType = "ITEM_CREATED" // Inferred.
	ItemUpdated          alma.EventType = "ITEM_UPDATED"
	ItemDeleted          alma.EventType = "ITEM_DELETED" // Inferred.
)

// The names of the payloads, which are the events' memory types.
const (
	PayloadJob          alma.MemoryType = "job_instance"
	PayloadNotification alma.MemoryType = "notification_data"
	PayloadUser         alma.MemoryType = "webhook_user"
	PayloadLoan         alma.MemoryType = "item_loan"
	PayloadRequest      alma.MemoryType = "user_request"
	PayloadBib          alma.MemoryType = "bib"
	PayloadItem         alma.MemoryType = "item"
)

// The letters that are announced as notifications, by [GeneralData.LetterType].
const (
	LetterCancelRequest     = "FulCancelRequestLetter"
	LetterBorrowingActivity = "FulUserBorrowingActivityLetter"
	LetterItemChangeDueDate = "FulItemChangeDueDateLetter"
	LetterPlaceOnHoldShelf  = "FulPlaceOnHoldShelfLetter"
)

// What was done to a user, in [UserChange.Method].
const (
	MethodCreate = "CREATE"
	MethodUpdate = "UPDATE"
	MethodDelete = "DELETE"
)
