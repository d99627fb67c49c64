package api

import (
	"math"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// DeliveryView is a delivery as it is listed. It is exported, as Settings is,
// because the reflection of schemas does not look into types that are embedded
// and not exported.
type DeliveryView struct {
	ID             string              `json:"id"`
	WebhookID      string              `json:"webhook_id"`
	EventID        string              `json:"event_id"`
	EventType      alma.EventType      `json:"event_type"`
	URL            string              `json:"url"`
	Status         alma.DeliveryStatus `json:"status" doc:"PENDING, SUCCESS, FAILED or SUPPRESSED."`
	Attempts       int                 `json:"attempts" doc:"Finished attempts."`
	LastError      string              `json:"last_error"`
	LastReason     alma.Reason         `json:"last_reason" doc:"Why the last attempt failed, in one word; empty when it did not."`
	LastStatusCode *int                `json:"last_status_code" nullable:"true" doc:"The status that came with last_error; null when no answer did."`
	NextAttemptAt  *time.Time          `json:"next_attempt_at" nullable:"true" doc:"When a retry is due; null when none waits."`
	CreatedAt      time.Time           `json:"created_at" doc:"When the event was appended."`
}

// deliveryLog is a delivery with its attempts.
type deliveryLog struct {
	DeliveryView
	Log []attemptView `json:"attempt_log" nullable:"false" doc:"Every attempt, the first one first."`
	// The body that the last attempt sent.
	RequestBody      *string `json:"request_body" nullable:"true" doc:"What the last attempt sent, at most 64 KiB of it; null when nothing was sent, or nothing is left to tell it from."`
	RequestBodyBytes int     `json:"request_body_bytes" doc:"How long it was, cut or not."`
	RequestBodyExact bool    `json:"request_body_exact" doc:"Whether these are the bytes that were sent. Else they were made anew from the event with the settings that the webhook has now; of a batch that succeeded, with this event alone."`
}

// shownBody is how much of a request's body is shown.
const shownBody = 64 << 10

type attemptView struct {
	Number          int               `json:"number"`
	At              time.Time         `json:"at"`
	DurationMS      float64           `json:"duration_ms"`
	StatusCode      *int              `json:"status_code" nullable:"true" doc:"Null when there was no answer."`
	Reason          alma.Reason       `json:"reason" doc:"Empty on success."`
	Error           string            `json:"error"`
	RequestHeaders  map[string]string `json:"request_headers" doc:"Header values of the webhook's own settings are masked."`
	ResponseHeaders map[string]string `json:"response_headers"`
	ResponseBody    string            `json:"response_body" doc:"At most 64 KiB, secrets masked."`
	BatchID         string            `json:"batch_id,omitempty" doc:"The X-ALMA-Delivery of the batch that carried the event."`
	ReplayID        string            `json:"replay_id,omitempty"`
}

func viewDelivery(d *alma.Delivery) DeliveryView {
	return DeliveryView{
		ID: d.ID, WebhookID: d.WebhookID, EventID: d.EventID, EventType: d.EventType, URL: d.URL,
		Status: d.Status, Attempts: d.Attempts, LastError: d.LastError, LastReason: d.LastReason,
		LastStatusCode: orNull(d.LastStatusCode), NextAttemptAt: timeOrNull(d.NextAttemptAt), CreatedAt: d.CreatedAt.UTC(),
	}
}

func viewDeliveryLog(d *alma.Delivery, sent *webhook.RequestBody) deliveryLog {
	view := deliveryLog{DeliveryView: viewDelivery(d), Log: make([]attemptView, len(d.Log))}
	for i := range d.Log {
		view.Log[i] = viewAttempt(&d.Log[i])
	}
	if sent != nil {
		text := strings.ToValidUTF8(string(sent.Body[:min(shownBody, len(sent.Body))]), "\uFFFD")
		view.RequestBody, view.RequestBodyBytes, view.RequestBodyExact = &text, len(sent.Body), sent.Exact
	}
	return view
}

func viewAttempt(a *alma.Attempt) attemptView {
	view := attemptView{
		Number: a.Number, At: a.At.UTC(), DurationMS: milliseconds(a.Duration), StatusCode: orNull(a.StatusCode),
		Reason: a.Reason, Error: a.Error, BatchID: a.BatchID, ReplayID: a.ReplayID,
		RequestHeaders: map[string]string{}, ResponseHeaders: map[string]string{},
	}
	if a.Detail == nil {
		return view
	}
	view.ResponseBody = a.Detail.ResponseBody
	if a.Detail.RequestHeaders != nil {
		view.RequestHeaders = a.Detail.RequestHeaders
	}
	if a.Detail.ResponseHeaders != nil {
		view.ResponseHeaders = a.Detail.ResponseHeaders
	}
	return view
}

// milliseconds keeps three decimals: what a person can read.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}

func orNull(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
