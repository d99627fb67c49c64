package api

import (
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// replayView is a replay with what it is about and how far it has come.
type replayView struct {
	ID          string              `json:"id"`
	WebhookID   string              `json:"webhook_id"`
	EventID     string              `json:"event_id"`
	Since       *time.Time          `json:"since" nullable:"true"`
	Until       *time.Time          `json:"until" nullable:"true"`
	From        *string             `json:"from" nullable:"true"`
	To          *string             `json:"to" nullable:"true"`
	Status      alma.DeliveryStatus `json:"status" doc:"Of the deliveries that it is about; empty: any."`
	Reason      alma.Reason         `json:"reason"`
	State       alma.ReplayState    `json:"state" doc:"running, paused, done, canceled or failed. Done: each event was attempted; what failed is retried like any delivery."`
	StateReason string              `json:"state_reason"`
	WaitsFor    string              `json:"waits_for" doc:"Why a running replay does not move; empty when nothing holds it up."`
	Progress    float64             `json:"progress" doc:"From 0 to 1, an estimate."`
	Total       int64               `json:"total" doc:"About how many events it is about."`
	Looked      int64               `json:"looked" doc:"Events that it has come past, unwanted ones included."`
	Delivered   int64               `json:"delivered"`
	Failed      int64               `json:"failed" doc:"Given up after their retries."`
	Retrying    int64               `json:"retrying" doc:"Failed, and waiting for a retry."`
	Passed      int64               `json:"passed" doc:"Wanted and not sent: erased, removed, of a bulk job over the limit, or on their way anyway."`
	CreatedAt   time.Time           `json:"created_at"`
	UpdatedAt   time.Time           `json:"updated_at"`
	FinishedAt  *time.Time          `json:"finished_at" nullable:"true"`
}

func viewReplay(r *webhook.ReplayStatus) replayView {
	return replayView{
		ID: r.ID, WebhookID: r.WebhookID, EventID: r.EventID, Since: timeOrNull(r.Since), Until: timeOrNull(r.Until),
		From: placeOrNull(r.From), To: placeOrNull(r.To), Status: r.Status, Reason: r.Reason,
		State: r.State, StateReason: r.StateReason, WaitsFor: r.WaitsFor, Progress: progress(&r.Replay),
		Total: r.Total, Looked: r.Looked, Delivered: r.Delivered, Failed: r.Failed, Retrying: max(0, r.Retrying), Passed: r.Passed,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), FinishedAt: timeOrNull(r.FinishedAt),
	}
}

func placeOrNull(p alma.Position) *string {
	if p.IsZero() {
		return nil
	}
	text := p.String()
	return &text
}

// progress estimates how much of a replay is done.
func progress(r *alma.Replay) float64 {
	if r.State == alma.ReplayDone || r.Total == 0 {
		return 1
	}
	return min(1, float64(r.Looked)/float64(r.Total))
}
