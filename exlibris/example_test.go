package exlibris_test

import (
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/exlibris"
)

var institution = exlibris.Institution{Value: "01EXAMPLE_INST", Desc: "Example University"}

func show(e alma.Event, err error) {
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.Type, e.MemoryType, e.MemoryID)
	fmt.Println(string(e.Data))
}

func ExampleNew() {
	e, err := exlibris.New(exlibris.LoanCreated, institution, exlibris.Loan{
		LoanID: "6900000000000001", UserID: "jsample", DueDate: "2026-02-11T23:59:00Z",
		Library:      exlibris.Coded{Value: "MAIN", Desc: "Main Library"},
		LocationCode: exlibris.Coded{Value: "STACKS", Name: "Stacks, second floor"},
		Renewable:    true,
	})
	show(e, err)
	// Output:
	// LOAN_CREATED item_loan 6900000000000001
	// {"loan_id":"6900000000000001","library":{"value":"MAIN","desc":"Main Library"},"user_id":"jsample","due_date":"2026-02-11T23:59:00Z","location_code":{"value":"STACKS","name":"Stacks, second floor"},"renewable":true}
}

func ExampleNew_job() {
	e, err := exlibris.New(exlibris.JobEnd, institution, exlibris.Job{
		ID: "6900000000000002", Name: "Nightly import", Status: exlibris.Coded{Value: "COMPLETED_SUCCESS"},
		Counter: []exlibris.Counter{{Type: exlibris.Coded{Value: "records"}, Value: "4497"}},
		JobInfo: exlibris.JobInfo{ID: "M53", Type: exlibris.Coded{Value: "SCHEDULED"}},
	})
	show(e, err)
	// Output:
	// JOB_END job_instance 6900000000000002
	// {"id":"6900000000000002","name":"Nightly import","status":{"value":"COMPLETED_SUCCESS"},"counter":[{"type":{"value":"records"},"value":"4497"}],"job_info":{"id":"M53","type":{"value":"SCHEDULED"}}}
}

func ExampleNew_request() {
	e, err := exlibris.New(exlibris.RequestPlacedOnShelf, institution, exlibris.Request{
		RequestID: "6900000000000003", UserPrimaryID: "jsample", RequestType: "HOLD", RequestStatus: "ON_HOLD_SHELF",
	})
	show(e, err)
	// Output:
	// REQUEST_PLACED_ON_SHELF user_request 6900000000000003
	// {"user_primary_id":"jsample","request_id":"6900000000000003","request_type":"HOLD","request_status":"ON_HOLD_SHELF"}
}

func ExampleNew_user() {
	e, err := exlibris.New(exlibris.UserUpdated, institution, exlibris.UserChange{
		Method: exlibris.MethodUpdate, Cause: "UI",
		User: exlibris.User{PrimaryID: "jsample", UserGroup: exlibris.Coded{Value: "staff", Desc: "Staff"}},
	})
	show(e, err)
	// Output:
	// USER_UPDATED webhook_user jsample
	// {"method":"UPDATE","cause":"UI","user":{"primary_id":"jsample","user_group":{"value":"staff","desc":"Staff"}}}
}

func ExampleNew_bib() {
	e, err := exlibris.New(exlibris.BibUpdated, institution, exlibris.Bib{
		MMSID: "9900000000000004", Title: "On shelves", SuppressFromPublishing: "false",
	})
	show(e, err)
	// Output:
	// BIB_UPDATED bib 9900000000000004
	// {"mms_id":"9900000000000004","title":"On shelves","suppress_from_publishing":"false"}
}

func ExampleNew_item() {
	e, err := exlibris.New(exlibris.ItemUpdated, institution, exlibris.Item{
		BibData:  exlibris.Bib{MMSID: "9900000000000004"},
		ItemData: exlibris.ItemData{PID: "2300000000000005", Barcode: "31190000000005"},
	})
	show(e, err)
	// Output:
	// ITEM_UPDATED item 2300000000000005
	// {"bib_data":{"mms_id":"9900000000000004"},"item_data":{"pid":"2300000000000005","barcode":"31190000000005"}}
}

// A letter has no id of its own: its webhook's stands for it.
func ExampleNew_notification() {
	e, err := exlibris.New(exlibris.NotificationSent, institution, exlibris.Notification{
		GeneralData: exlibris.GeneralData{LetterType: exlibris.LetterPlaceOnHoldShelf, Subject: "Your book is here"},
		Receiver:    exlibris.User{PrimaryID: "jsample"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.Type, e.MemoryType, e.MemoryID == exlibris.WebhookID(e.ID), len(e.MemoryID))
	fmt.Println(string(e.Data))
	// Output:
	// NOTIFICATION notification_data true 19
	// {"general_data":{"letter_type":"FulPlaceOnHoldShelfLetter","subject":"Your book is here"},"receiver":{"primary_id":"jsample"}}
}

// What the struct does not name, and what is not changed, stays as it came.
func ExampleDecode() {
	e := alma.Event{
		ID: "evt_1", Type: exlibris.LoanCreated, MemoryType: exlibris.PayloadLoan,
		Data: []byte(`{"future_member":{"a":1.50},"loan_id":"1","author":null,"title":"Journey"}`),
	}
	loan, err := exlibris.Decode[exlibris.Loan](e)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(loan.Title, string(loan.Member("future_member")))
	loan.Title = "Journeys"
	again, err := exlibris.New(exlibris.LoanRenewed, institution, loan)
	show(again, err)
	// Output:
	// Journey {"a":1.50}
	// LOAN_RENEWED item_loan 1
	// {"future_member":{"a":1.50},"loan_id":"1","author":null,"title":"Journeys"}
}

func ExampleLookup() {
	for _, t := range []alma.EventType{exlibris.LoanCreated, exlibris.LoanLost, exlibris.JobEnd} {
		entry, _ := exlibris.Lookup(t)
		fmt.Printf("%s: %s %q, in %s, %s\n", t, entry.Action, entry.Desc, entry.Payload, entry.Status)
	}
	// Output:
	// LOAN_CREATED: LOAN "Loan created", in item_loan, seen
	// LOAN_LOST: LOAN "Loan lost", in item_loan, inferred
	// JOB_END: JOB_END "", in job_instance, seen
}
