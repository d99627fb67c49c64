package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

type replayInput struct {
	EventID string              `json:"event_id,omitempty" doc:"Only this event."`
	Since   time.Time           `json:"since,omitzero" doc:"Appended at or after this time."`
	Until   time.Time           `json:"until,omitzero" doc:"Appended before this time; now if left out."`
	From    string              `json:"from,omitempty" doc:"From this place in the log on, included: what follows the last _ in a delivery's id, or the id of an event in the stream."`
	To      string              `json:"to,omitempty" doc:"Up to this place in the log, included."`
	Status  alma.DeliveryStatus `json:"status,omitempty" doc:"Only deliveries that stand so: SUCCESS, FAILED or SUPPRESSED."`
	Reason  alma.Reason         `json:"reason,omitempty" doc:"With FAILED: only those that failed for this reason last."`
}

// query returns what the input asks for; places that are none become faults.
func (in *replayInput) query(faults *faultList) alma.ReplayQuery {
	q := alma.ReplayQuery{EventID: in.EventID, Since: in.Since.UTC(), Until: in.Until.UTC(), Status: in.Status, Reason: in.Reason}
	for _, p := range []struct {
		name, text string
		into       *alma.Position
	}{{"from", in.From, &q.From}, {"to", in.To, &q.To}} {
		if p.text == "" {
			continue
		}
		var err error
		if *p.into, err = alma.ParsePosition(p.text); err != nil {
			faults.addf(p.name, "is no place in the log; want one like \"2f\" or \"1a.2f\"")
		}
	}
	faults.merge("", q.Validate())
	return q
}

// postReplay starts a replay and answers at once.
func (s *Server) postReplay(c *call) error {
	w, err := s.webhook(c)
	if err != nil {
		return err
	}
	var in replayInput
	faults, err := readBody(c, &in)
	if err != nil {
		return err
	}
	q := in.query(faults)
	if err := faults.err(); err != nil {
		return err
	}
	known, err := s.seesEvent(c, q.EventID)
	if err != nil {
		return err
	}
	if !known {
		return fault("event_id", "%s", noSuch("event"))
	}
	r, err := s.manager.Replay(c.r.Context(), w.ID, q)
	if isNotFound(err) && q.EventID != "" {
		return fault("event_id", "%s", noSuch("event"))
	}
	if err != nil {
		return err //nolint:wrapcheck // The manager says what was done.
	}
	c.w.Header().Set("Location", "/v1/replays/"+r.ID)
	return c.reply(http.StatusAccepted, viewReplay(&webhook.ReplayStatus{Replay: r}))
}

// seesEvent reports whether a key may know of an event, if there is one: a key of
// one project must not find out which ids others have given.
func (s *Server) seesEvent(c *call, id string) (bool, error) {
	if id == "" || c.key.ProjectID == "" {
		return true, nil
	}
	page, err := s.store.FindEvents(c.r.Context(), alma.EventQuery{IDs: []string{id}})
	if err != nil {
		return false, fmt.Errorf("alma: event of a replay: %w", err)
	}
	return len(page.Items) > 0 && c.sees(page.Items[0].ProjectID), nil
}

var replayStates = []alma.ReplayState{alma.ReplayRunning, alma.ReplayPaused, alma.ReplayDone, alma.ReplayCanceled, alma.ReplayFailed}

func (s *Server) listReplays(c *call) error {
	faults := c.queryFaults
	q := alma.FindReplays{Cursor: c.cursor(&faults)}
	if state := alma.ReplayState(c.query.Get(paramState.name)); state != "" {
		if !slices.Contains(replayStates, state) {
			faults.Addf(paramState.name, "is no state; want running, paused, done, canceled or failed")
		}
		q.States = []alma.ReplayState{state}
	}
	if err := c.refuseList(&faults, func(at alma.Cursor) error {
		_, err := s.manager.Replays(c.r.Context(), alma.FindReplays{Cursor: at})
		return err //nolint:wrapcheck // Only what is wrong with the cursor counts.
	}); err != nil {
		return err
	}
	ids, none, err := s.visibleWebhooks(c, c.query.Get(paramReplayed.name))
	if err != nil {
		return err
	}
	if none {
		return c.reply(http.StatusOK, newList([]replayView{}, ""))
	}
	q.WebhookIDs = ids
	page, err := s.manager.Replays(c.r.Context(), q)
	if err != nil {
		return err //nolint:wrapcheck // The manager says what was done.
	}
	views := make([]replayView, len(page.Items))
	for i := range page.Items {
		views[i] = viewReplay(&page.Items[i])
	}
	return c.reply(http.StatusOK, newList(views, page.Next))
}

// visibleWebhooks returns the webhooks that a request is about: the one that
// it names, or all that the key may see; an empty list then means all. none
// says that there is nothing to see.
func (s *Server) visibleWebhooks(c *call, named string) (ids []string, none bool, err error) {
	owned, err := s.ownedWebhooks(c)
	if err != nil {
		return nil, false, err
	}
	switch {
	case owned == nil && named == "":
		return nil, false, nil
	case named != "":
		return []string{named}, owned != nil && !owned[named], nil
	}
	for id := range owned {
		ids = append(ids, id)
	}
	return ids, len(ids) == 0, nil
}

func (s *Server) getReplay(c *call) error {
	r, err := s.replay(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, viewReplay(&r))
}

// replay returns the replay that the path names, if the key may know of it.
func (s *Server) replay(c *call) (webhook.ReplayStatus, error) {
	r, err := s.manager.ReplayStatus(c.r.Context(), c.id())
	if isNotFound(err) {
		return r, notFound("replay")
	}
	if err != nil || c.key.ProjectID == "" {
		return r, err //nolint:wrapcheck // The manager says what was done.
	}
	w, err := s.store.Webhook(c.r.Context(), r.WebhookID)
	if isNotFound(err) || err == nil && !c.sees(w.Config.ProjectID) {
		return r, notFound("replay")
	}
	if err != nil {
		return r, fmt.Errorf("alma: webhook of a replay: %w", err)
	}
	return r, nil
}

func (s *Server) pauseReplay(c *call) error  { return s.actOnReplay(c, s.manager.PauseReplay) }
func (s *Server) resumeReplay(c *call) error { return s.actOnReplay(c, s.manager.ResumeReplay) }
func (s *Server) cancelReplay(c *call) error { return s.actOnReplay(c, s.manager.CancelReplay) }

func (s *Server) actOnReplay(c *call, do func(context.Context, string) (alma.Replay, error)) error {
	r, err := s.replay(c)
	if err != nil {
		return err
	}
	if r.Replay, err = do(c.r.Context(), r.ID); err != nil {
		return err
	}
	return s.getReplay(c)
}

type retryInput struct {
	WebhookID string      `json:"webhook_id,omitempty" doc:"Only deliveries to this webhook; to all if left out."`
	Reason    alma.Reason `json:"reason,omitempty" doc:"Only those that failed for this reason last."`
	Since     time.Time   `json:"since,omitzero" doc:"Of events appended at or after this time."`
	Until     time.Time   `json:"until,omitzero" doc:"Of events appended before this time."`
}

// retried says what the retry of failed deliveries began.
type retried struct {
	Deliveries int64        `json:"deliveries" doc:"About how many are tried again."`
	Replays    []replayView `json:"replays" nullable:"false" doc:"One for each webhook concerned."`
}

// retryFailed tries failed deliveries again.
func (s *Server) retryFailed(c *call) error {
	var in retryInput
	faults, err := readBody(c, &in)
	if err != nil {
		return err
	}
	q := alma.ReplayQuery{Status: alma.StatusFailed, Reason: in.Reason, Since: in.Since, Until: in.Until}
	faults.merge("", q.Validate())
	if err := faults.err(); err != nil {
		return err
	}
	ids, none, err := s.visibleWebhooks(c, in.WebhookID)
	if err != nil {
		return err
	}
	if in.WebhookID != "" && !none {
		_, err = s.store.Webhook(c.r.Context(), in.WebhookID)
		none = isNotFound(err)
	}
	switch {
	case none && in.WebhookID != "":
		return fault("webhook_id", "%s", noSuch("webhook"))
	case none:
		return c.reply(http.StatusAccepted, retried{Replays: []replayView{}})
	case err != nil:
		return fmt.Errorf("alma: webhook of a request: %w", err)
	}
	list, err := s.manager.RetryFailed(c.r.Context(), webhook.RetryFilter{WebhookIDs: ids, Reason: in.Reason, Since: in.Since.UTC(), Until: in.Until.UTC()})
	if err != nil {
		return err //nolint:wrapcheck // The manager says what was done.
	}
	answer := retried{Replays: []replayView{}}
	for _, r := range list {
		answer.Deliveries += r.Total
		answer.Replays = append(answer.Replays, viewReplay(&webhook.ReplayStatus{Replay: r}))
	}
	return c.reply(http.StatusAccepted, answer)
}
