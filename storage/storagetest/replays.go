package storagetest

import (
	"slices"
	"time"

	"github.com/alma-events/alma"
)

var replayCases = []testCase{
	{"Create", "a new replay runs from before its first event to its last, never beyond the log's end, and says about how much there is", testCreateReplay},
	{"Bounds", "times and places select events, both together too; what selects nothing is a replay that ends at once", testReplayBounds},
	{"OneEvent", "a replay of one event reads that event alone; an unknown one is ErrNotFound", testReplayOneEvent},
	{"Pending", "what is pending is on its way anyway: a replay does not read it", testReplayPending},
	{"Failed", "with FAILED, those that stand so when they are read; a reason selects among them, in batches too", testReplayFailed},
	{"Succeeded", "with SUCCESS, those that were attempted and are no exception", testReplaySucceeded},
	{"Suppressed", "with SUPPRESSED, the unsent events of jobs that were suppressed when the replay was made, also after their record is gone", testReplaySuppressed},
	{"Pages", "pages lead through the stretch without loss, in log order, and end at Last", testReplayPages},
	{"Progress", "progress is stored with the outcomes: the cursor moves forward only, counts add up, and a finished replay stays finished", testReplayProgress},
	{"State", "an unfinished replay can be paused, resumed and canceled; a finished one is a conflict", testReplayState},
	{"Listing", "replays are listed newest first, by webhook and state, in pages", testFindReplays},
	{"Checkpoint", "a webhook with unfinished replays is among the lanes to resume", testReplayCheckpoint},
	{"DeleteWebhook", "deleting a webhook cancels its replays", testReplayDelete},
	{"Exception", "an exception remembers the replay it belongs to, alone and in a batch", testReplayException},
	{"Trace", "a replay reads the trace of an event as the log does", testReplayTrace},
	{"Reopen", "a replay survives a restart with its place, counts and jobs", testReplayReopen},
}

// replay creates a replay.
func (e *env) replay(id, webhookID string, q alma.ReplayQuery) alma.Replay {
	e.Helper()
	r, err := e.CreateReplay(e.ctx, alma.Replay{ID: id, WebhookID: webhookID, ReplayQuery: q})
	e.check(err, "create replay")
	return r
}

// replayed reads all events of a replay, size a page.
func (e *env) replayed(r alma.Replay, size int) []string {
	e.Helper()
	var ids []string
	for after := r.Cursor; ; {
		page, err := e.ReadReplay(e.ctx, r, after, size)
		e.check(err, "read replay")
		if page.Next.Before(after) || r.Last.Before(page.Next) || len(page.Events) > size {
			e.Fatalf("after %s a page of at most %d holds %d events and leads to %s; the replay ends at %s", after, size, len(page.Events), page.Next, r.Last)
		}
		ids = append(ids, eventIDs(page.Events)...)
		if len(page.Events) == 0 {
			e.equal(page.Next, r.Last, "where the last page leads")
			return ids
		}
		after = page.Next
	}
}

func (e *env) getReplay(id string) alma.Replay {
	e.Helper()
	r, err := e.Replay(e.ctx, id)
	e.check(err, "read a replay")
	return r
}

func (e *env) unfinished(webhookID string) []string {
	e.Helper()
	list, err := e.UnfinishedReplays(e.ctx, webhookID)
	e.check(err, "unfinished replays")
	var ids []string
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	return ids
}

func testCreateReplay(e *env) {
	before := e.appendN("a", 5)
	e.webhook("wh_1")
	r := e.replay("rpl_1", "wh_1", alma.ReplayQuery{})
	if r.State != alma.ReplayRunning || r.CreatedAt.IsZero() || r.UpdatedAt.IsZero() || !r.FinishedAt.IsZero() || r.Total != 5 {
		e.Fatalf("a new replay is %+v", r)
	}
	if !r.Cursor.Before(before[0]) || r.Last.Before(before[4]) || e.horizon().Before(r.Last) {
		e.Fatalf("the replay runs from %s to %s; its events lie from %s to %s", r.Cursor, r.Last, before[0], before[4])
	}
	e.appendN("later", 3)
	e.equal(e.replayed(r, 100), []string{"a-0", "a-1", "a-2", "a-3", "a-4"}, "what is replayed")
	e.equal(e.getReplay("rpl_1"), r, "the stored replay")
	_, err := e.CreateReplay(e.ctx, alma.Replay{ID: "rpl_2", WebhookID: "wh_never"})
	e.wantErr(err, alma.ErrNotFound, "a replay of an unknown webhook")
	_, err = e.CreateReplay(e.ctx, alma.Replay{ID: "rpl_1", WebhookID: "wh_1"})
	e.wantErr(err, alma.ErrConflict, "a replay under the same id")
	_, err = e.Replay(e.ctx, "rpl_never")
	e.wantErr(err, alma.ErrNotFound, "an unknown replay")
}

// spaced appends events one by one, at different times, and returns what the
// log told.
func (e *env) spaced(ids ...string) []alma.Appended {
	e.Helper()
	out := make([]alma.Appended, len(ids))
	for i, id := range ids {
		for { // The clock of the store may be coarser than the calls are apart.
			answers, err := e.Append(e.ctx, []alma.Event{e.event(id)})
			e.check(err, "append")
			if out[i] = answers[0]; i == 0 || out[i].AppendedAt.After(out[i-1].AppendedAt) {
				break
			}
			id += "+"
		}
	}
	return out
}

func testReplayBounds(e *env) {
	at := e.spaced("a", "b", "c", "d")
	ids := []string{at[0].ID, at[1].ID, at[2].ID, at[3].ID}
	e.webhook("wh_1")
	for name, c := range map[string]struct {
		query alma.ReplayQuery
		want  []string
	}{
		"since":         {alma.ReplayQuery{Since: at[1].AppendedAt}, ids[1:]},
		"until":         {alma.ReplayQuery{Until: at[2].AppendedAt}, ids[:2]},
		"times":         {alma.ReplayQuery{Since: at[1].AppendedAt, Until: at[3].AppendedAt}, ids[1:3]},
		"from":          {alma.ReplayQuery{From: at[2].Position}, ids[2:]},
		"to":            {alma.ReplayQuery{To: at[1].Position}, ids[:2]},
		"places":        {alma.ReplayQuery{From: at[1].Position, To: at[1].Position}, ids[1:2]},
		"time, place":   {alma.ReplayQuery{Since: at[1].AppendedAt, To: at[2].Position}, ids[1:3]},
		"future":        {alma.ReplayQuery{Since: at[3].AppendedAt.Add(time.Hour)}, nil},
		"far future":    {alma.ReplayQuery{Until: at[3].AppendedAt.Add(time.Hour)}, ids},
		"past":          {alma.ReplayQuery{Until: at[0].AppendedAt.Add(-time.Hour)}, nil},
		"contradiction": {alma.ReplayQuery{From: at[3].Position, Until: at[1].AppendedAt}, nil},
	} {
		r := e.replay("rpl_"+name, "wh_1", c.query)
		if r.Last.Before(r.Cursor) {
			e.Fatalf("%s: the replay begins at %s and ends before, at %s", name, r.Cursor, r.Last)
		}
		got := slices.DeleteFunc(e.replayed(r, 2), func(id string) bool { return !slices.Contains(ids, id) })
		e.equal(got, c.want, name)
	}
}

func testReplayOneEvent(e *env) {
	e.appendN("a", 3)
	e.webhook("wh_1")
	r := e.replay("rpl_1", "wh_1", alma.ReplayQuery{EventID: "a-1"})
	e.equal(e.replayed(r, 10), []string{"a-1"}, "what is replayed")
	e.equal(r.Total, int64(1), "the total")
	_, err := e.CreateReplay(e.ctx, alma.Replay{ID: "rpl_2", WebhookID: "wh_1", ReplayQuery: alma.ReplayQuery{EventID: "never"}})
	e.wantErr(err, alma.ErrNotFound, "a replay of an unknown event")
}

func testReplayPending(e *env) {
	at := e.appendN("a", 5)
	e.webhook("wh_1")
	e.webhook("wh_2")
	e.settle(alma.Settlement{Exceptions: []alma.Exception{pending("wh_1", 1, at[1]), batch("wh_1", "bat_1", at[2], at[3]), pending("wh_2", 1, at[0])}})
	r := e.replay("rpl_1", "wh_1", alma.ReplayQuery{})
	e.equal(e.replayed(r, 10), []string{"a-0", "a-4"}, "what is replayed")
}

// failed returns an exception that was given up.
func failed(webhookID string, reason alma.Reason, members ...alma.Position) alma.Exception {
	x := pending(webhookID, 1, members[0])
	if len(members) > 1 {
		x = batch(webhookID, "bat_"+members[0].String(), members...)
	}
	x.Status, x.NextAttemptAt, x.LastReason = alma.StatusFailed, time.Time{}, reason
	return x
}

func testReplayFailed(e *env) {
	at := e.appendN("a", 8)
	e.webhook("wh_1")
	e.webhook("wh_2")
	e.settle(alma.Settlement{
		Attempts: []alma.SettledAttempt{success("wh_1", at[0])},
		Exceptions: []alma.Exception{
			failed("wh_1", alma.ReasonTLS, at[1]), pending("wh_1", 1, at[2]), failed("wh_1", alma.ReasonTimeout, at[3], at[4]),
			failed("wh_1", alma.ReasonTLS, at[6]), failed("wh_2", alma.ReasonTLS, at[7]),
		},
	})
	all := e.replay("rpl_1", "wh_1", alma.ReplayQuery{Status: alma.StatusFailed})
	e.equal(all.Total, int64(4), "the total")
	e.equal(e.replayed(all, 2), []string{"a-1", "a-3", "a-4", "a-6"}, "all that failed")
	tls := e.replay("rpl_2", "wh_1", alma.ReplayQuery{Status: alma.StatusFailed, Reason: alma.ReasonTLS, To: at[5]})
	e.equal(e.replayed(tls, 10), []string{"a-1"}, "those that failed for a reason, up to a place")
	late := e.replay("rpl_3", "wh_1", alma.ReplayQuery{Status: alma.StatusFailed, Reason: alma.ReasonTimeout})
	e.equal(e.replayed(late, 10), []string{"a-3", "a-4"}, "a batch that failed for a reason")
	e.settle(alma.Settlement{Resolved: []alma.DeliveryKey{key("wh_1", at[1])}})
	e.equal(e.replayed(all, 10), []string{"a-3", "a-4", "a-6"}, "those that stand so now")
}

func testReplaySucceeded(e *env) {
	at := e.appendN("a", 6)
	e.webhook("wh_1")
	e.settle(alma.Settlement{
		Attempts: []alma.SettledAttempt{
			success("wh_1", at[0]), failure("wh_1", 1, at[1]), failure("wh_1", 1, at[2]), failure("wh_1", 2, at[3]), success("wh_1", at[3], at[4]), success("wh_2", at[5]),
		},
		Exceptions: []alma.Exception{failed("wh_1", alma.ReasonTLS, at[1]), pending("wh_1", 1, at[2])},
	})
	r := e.replay("rpl_1", "wh_1", alma.ReplayQuery{Status: alma.StatusSuccess})
	e.equal(r.Total, int64(3), "the total")
	e.equal(e.replayed(r, 2), []string{"a-0", "a-3", "a-4"}, "what is replayed")
}

func testReplaySuppressed(e *env) {
	job := func(id string) func(*alma.Event) {
		return func(ev *alma.Event) { ev.Job = &alma.Job{ID: id, Records: 700} }
	}
	end := func(ev *alma.Event) { ev.Type = "JOB_END" }
	at := e.append(e.event("a"), e.event("b", job("j1")), e.event("c", job("j1")), e.event("d", job("j2")), e.event("e", job("j1")),
		e.event("f", job("j1")), e.event("g", job("j1"), end), e.event("h", job("j3")), e.event("i", job("j1")))
	e.webhook("wh_1")
	e.settle(alma.Settlement{
		Suppressed: []alma.Suppression{{WebhookID: "wh_1", JobID: "j1", Position: at[2], Count: 3}, {WebhookID: "wh_1", JobID: "j2", Position: at[3], Count: 1}},
		Attempts:   []alma.SettledAttempt{success("wh_1", at[4])}, // Sent before the limit was lowered.
		Exceptions: []alma.Exception{failed("wh_1", alma.ReasonTLS, at[8])},
	})
	r := e.replay("rpl_1", "wh_1", alma.ReplayQuery{Status: alma.StatusSuppressed})
	e.equal(r.Total, int64(4), "the total")
	e.equal(e.replayed(r, 2), []string{"c", "d", "f"}, "what is replayed")
	e.settle(alma.Settlement{
		Attempts: []alma.SettledAttempt{success("wh_1", at[2])},
		Resolved: []alma.DeliveryKey{key("wh_1", at[2])}, // The first was sent: the record of the job goes.
	})
	e.equal(e.replayed(r, 2), []string{"d", "f"}, "what is left when the first was sent")
}

func testReplayPages(e *env) {
	at := e.appendN("a", 250)
	e.webhook("wh_1")
	r := e.replay("rpl_1", "wh_1", alma.ReplayQuery{From: at[10], To: at[239]})
	got := e.replayed(r, 7)
	e.equal(len(got), 230, "number of events")
	e.equal(got, eventIDs(e.readAll(at[9]))[:230], "the events")
	e.equal(e.replayed(alma.Replay{ID: r.ID, WebhookID: r.WebhookID, ReplayQuery: r.ReplayQuery, Cursor: at[200], Last: r.Last}, 100), got[191:], "what is read from a place on")
}

func testReplayProgress(e *env) {
	at := e.appendN("a", 9)
	e.webhook("wh_1")
	e.replay("rpl_1", "wh_1", alma.ReplayQuery{})
	settle := func(p alma.ReplayProgress) alma.Replay {
		e.Helper()
		p.ReplayID = "rpl_1"
		e.settle(alma.Settlement{Replays: []alma.ReplayProgress{p, {ReplayID: "rpl_never", Looked: 1}}})
		return e.getReplay("rpl_1")
	}
	r := settle(alma.ReplayProgress{Cursor: at[4], Looked: 5, Delivered: 2, Retrying: 2, Passed: 1})
	e.equal([]any{r.Cursor, r.Looked, r.Delivered, r.Retrying, r.Passed, r.State}, []any{at[4], int64(5), int64(2), int64(2), int64(1), alma.ReplayRunning}, "the replay")
	r = settle(alma.ReplayProgress{Cursor: at[2], Delivered: 1, Failed: 1, Retrying: -2})
	e.equal([]any{r.Cursor, r.Looked, r.Delivered, r.Failed, r.Retrying}, []any{at[4], int64(5), int64(3), int64(1), int64(0)}, "the replay after a cursor that lies before")
	r = settle(alma.ReplayProgress{Cursor: at[8], Looked: 4, State: alma.ReplayDone})
	if r.State != alma.ReplayDone || r.FinishedAt.IsZero() || r.Cursor != at[8] {
		e.Fatalf("the replay that is done: %+v", r)
	}
	done := r.FinishedAt
	r = settle(alma.ReplayProgress{Delivered: 1, State: alma.ReplayFailed, Reason: "too late"})
	e.equal([]any{r.State, r.StateReason, r.FinishedAt, r.Delivered}, []any{alma.ReplayDone, "", done, int64(4)}, "the replay that was done already")
	e.equal(len(e.unfinished("wh_1")), 0, "number of unfinished replays")
}

func testReplayState(e *env) {
	e.appendN("a", 3)
	e.webhook("wh_1")
	e.replay("rpl_1", "wh_1", alma.ReplayQuery{})
	set := func(state alma.ReplayState, reason string) (alma.Replay, error) {
		return e.SetReplayState(e.ctx, "rpl_1", state, reason)
	}
	for _, state := range []alma.ReplayState{alma.ReplayPaused, alma.ReplayPaused, alma.ReplayRunning} {
		r, err := set(state, "")
		e.check(err, "set the state")
		e.equal(r.State, state, "the state")
		e.equal(e.getReplay("rpl_1"), r, "the stored replay")
		e.equal(e.unfinished("wh_1"), []string{"rpl_1"}, "unfinished replays")
	}
	r, err := set(alma.ReplayCanceled, "not needed")
	e.check(err, "cancel")
	if r.State != alma.ReplayCanceled || r.StateReason != "not needed" || r.FinishedAt.IsZero() {
		e.Fatalf("the canceled replay: %+v", r)
	}
	again, err := set(alma.ReplayCanceled, "again")
	e.check(err, "cancel again")
	e.equal(again, r, "the replay that was canceled again")
	_, err = set(alma.ReplayRunning, "")
	e.wantErr(err, alma.ErrConflict, "resume a canceled replay")
	e.settle(alma.Settlement{Replays: []alma.ReplayProgress{{ReplayID: "rpl_1", Looked: 1, State: alma.ReplayDone}}})
	e.equal(e.getReplay("rpl_1").State, alma.ReplayCanceled, "the state after work that was under way has ended")
	_, err = e.SetReplayState(e.ctx, "rpl_never", alma.ReplayPaused, "")
	e.wantErr(err, alma.ErrNotFound, "pause an unknown replay")
}

func testFindReplays(e *env) {
	e.appendN("a", 1)
	for _, id := range []string{"wh_1", "wh_2", "wh_3"} {
		e.webhook(id)
	}
	var all []string
	for i, w := range []string{"wh_1", "wh_2", "wh_1", "wh_3", "wh_1"} {
		all = append(all, e.replay("rpl_"+string(rune('a'+i)), w, alma.ReplayQuery{}).ID)
	}
	slices.Reverse(all)
	_, err := e.SetReplayState(e.ctx, "rpl_c", alma.ReplayCanceled, "")
	e.check(err, "cancel")
	for name, c := range map[string]struct {
		query alma.FindReplays
		want  []string
	}{
		"all":               {alma.FindReplays{}, all},
		"pages":             {alma.FindReplays{Cursor: alma.Cursor{Limit: 2}}, all},
		"webhook":           {alma.FindReplays{WebhookIDs: []string{"wh_1"}, Cursor: alma.Cursor{Limit: 1}}, []string{"rpl_e", "rpl_c", "rpl_a"}},
		"webhooks":          {alma.FindReplays{WebhookIDs: []string{"wh_3", "wh_2"}}, []string{"rpl_d", "rpl_b"}},
		"state":             {alma.FindReplays{States: []alma.ReplayState{alma.ReplayCanceled, alma.ReplayDone}}, []string{"rpl_c"}},
		"webhook and state": {alma.FindReplays{WebhookIDs: []string{"wh_2"}, States: []alma.ReplayState{alma.ReplayCanceled}}, nil},
	} {
		var got []string
		for _, r := range pages(e, c.query.Size(), func(after string) (alma.Page[alma.Replay], error) {
			c.query.After = after
			return e.FindReplays(e.ctx, c.query)
		}) {
			got = append(got, r.ID)
		}
		e.equal(got, c.want, name)
	}
	e.equal(e.unfinished("wh_1"), []string{"rpl_a", "rpl_e"}, "unfinished replays, oldest first")
}

func testReplayCheckpoint(e *env) {
	e.appendN("a", 1)
	e.webhook("wh_1")
	e.webhook("wh_2")
	e.settle(alma.Settlement{Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Shared: true}, {WebhookID: "wh_2", Shared: true}}})
	e.replay("rpl_1", "wh_1", alma.ReplayQuery{})
	e.replay("rpl_2", "wh_1", alma.ReplayQuery{})
	_, err := e.SetReplayState(e.ctx, "rpl_2", alma.ReplayPaused, "")
	e.check(err, "pause")
	lanes := e.lanes()
	if len(lanes) != 1 || lanes[0].WebhookID != "wh_1" || lanes[0].Replays != 2 || !lanes[0].Shared {
		e.Fatalf("lanes are %+v; want the one with two unfinished replays", lanes)
	}
	for _, id := range []string{"rpl_1", "rpl_2"} {
		_, err := e.SetReplayState(e.ctx, id, alma.ReplayCanceled, "")
		e.check(err, "cancel")
	}
	e.equal(e.lanes(), []alma.LaneRecord(nil), "lanes without unfinished replays")
}

func testReplayTrace(e *env) {
	e.append(e.event("a", func(ev *alma.Event) { ev.Trace = traceParent }), e.event("b"))
	e.webhook("wh_1")
	r := e.replay("rpl_1", "wh_1", alma.ReplayQuery{})
	page, err := e.ReadReplay(e.ctx, r, r.Cursor, 10)
	e.check(err, "read a replay")
	e.equal(page.Events, e.readAll(alma.Position{}), "what the replay reads")
	e.equal(page.Events[0].Trace, traceParent, "the trace of the first event")
}

func testReplayDelete(e *env) {
	at := e.appendN("a", 1)
	e.webhook("wh_1")
	e.replay("rpl_1", "wh_1", alma.ReplayQuery{})
	e.replay("rpl_2", "wh_1", alma.ReplayQuery{})
	e.settle(alma.Settlement{Replays: []alma.ReplayProgress{{ReplayID: "rpl_1", Cursor: at[0], State: alma.ReplayDone}}})
	e.check(e.DeleteWebhook(e.ctx, "wh_1"), "delete the webhook")
	e.equal(e.getReplay("rpl_1").State, alma.ReplayDone, "the state of the one that was done")
	r := e.getReplay("rpl_2")
	if r.State != alma.ReplayCanceled || r.StateReason == "" || r.FinishedAt.IsZero() {
		e.Fatalf("the other: %+v; want it canceled, with a reason", r)
	}
	_, err := e.CreateReplay(e.ctx, alma.Replay{ID: "rpl_3", WebhookID: "wh_1"})
	e.wantErr(err, alma.ErrNotFound, "a replay of a deleted webhook")
}

func testReplayException(e *env) {
	at := e.appendN("a", 3)
	e.webhook("wh_1")
	one, many := pending("wh_1", 1, at[0]), batch("wh_1", "bat_1", at[1], at[2])
	one.ReplayID, many.ReplayID = "rpl_1", "rpl_2"
	e.settle(alma.Settlement{Exceptions: []alma.Exception{one, many}})
	e.equal(e.exception("wh_1", at[0]), one, "the exception")
	e.equal(e.exception("wh_1", at[2]), many, "the batch")
	one.Message, many.Message = nil, nil
	e.equal(e.waiting("wh_1"), []alma.Exception{one, many}, "waiting deliveries")
	live := pending("wh_1", 1, at[0])
	e.settle(alma.Settlement{Exceptions: []alma.Exception{live}})
	e.equal(e.exception("wh_1", at[0]), live, "the exception after one without a replay")
}

func testReplayReopen(e *env) {
	if e.features.Reopen == nil {
		e.Skip("the driver keeps nothing over a restart")
	}
	at := e.append(e.event("a"), e.event("b", func(ev *alma.Event) { ev.Job = &alma.Job{ID: "j", Records: 9} }))
	e.webhook("wh_1")
	e.settle(alma.Settlement{Suppressed: []alma.Suppression{{WebhookID: "wh_1", JobID: "j", Position: at[1], Count: 1}}})
	e.replay("rpl_1", "wh_1", alma.ReplayQuery{Status: alma.StatusSuppressed, Since: moment.AddDate(-1, 0, 0)})
	e.settle(alma.Settlement{Replays: []alma.ReplayProgress{{ReplayID: "rpl_1", Cursor: at[0], Looked: 1}}})
	want := e.getReplay("rpl_1")
	e.Storage = e.features.Reopen(e.T, e.Storage)
	e.equal(e.getReplay("rpl_1"), want, "the replay")
	e.equal(e.replayed(want, 10), []string{"b"}, "what is replayed")
}
