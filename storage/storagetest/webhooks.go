package storagetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/alma-events/alma"
)

var webhookCases = []testCase{
	{"RoundTrip", "every setting of a webhook comes back as it was stored, secret and header values included", testWebhookRoundTrip},
	{"Create", "a new webhook has version 1; an id is given once and never again, not even after its end", testWebhookCreate},
	{"Cursor", "a new webhook sees exactly the events appended after it was made", testWebhookCursor},
	{"Update", "an update replaces all and takes the next version; a stale one changes nothing", testWebhookUpdate},
	{"Absent", "what is asked of an unknown webhook is ErrNotFound", testWebhookAbsent},
	{"List", "webhooks are listed oldest first, without the deleted ones", testWebhookList},
	{"Find", "pages of webhooks hold each once, oldest first, those of a project alone when it is named; what comes and goes meanwhile shifts nothing", testWebhookFind},
	{"Disable", "the engine's disabling ends the active state with its reason and takes the next version; a paused webhook stays paused", testWebhookDisable},
}

// wantFault expects a ValidationError that names a field.
func (e *env) wantFault(err error, field string) {
	e.Helper()
	var invalid *alma.ValidationError
	if !errors.As(err, &invalid) || invalid.Faults[0].Field != field {
		e.Fatalf("got error %v; want a fault of %q", err, field)
	}
}

// fullConfig sets everything that can be set together.
func fullConfig() alma.WebhookConfig {
	return alma.WebhookConfig{
		URL: "https://example.com/hook?a=b", Events: []alma.EventType{alma.Created, "ORDER_PAID"}, Format: alma.FormatStandard, Secret: "s3cret \x01 ü",
		Headers:    map[string]string{"Authorization": "Bearer token", "X-Other": "1"},
		RetryCount: new(0), RetryDelay: new(1500 * time.Millisecond), RetryBackoff: new(1.5), RetryJitter: 0.25,
		AgentFilter: []string{"a"}, ProjectFilter: []string{"p", "q"}, TypeFilter: []alma.MemoryType{alma.TypeOutcome}, Filter: `event.agent == "x"`,
		Timeout: 20 * time.Second, BatchSize: 10, BatchDelay: new(time.Duration(0)), MaxInFlight: 7, RateLimit: 2.5, Ordered: true, MaxAge: time.Hour,
		ProjectID: "p", Contacts: []string{"ops@example.com"}, BulkLimit: new(int64(500_000)), DisableAfter: new(time.Duration(0)),
		ContentType: "xml", Active: new(false), Description: "für alle",
		Signature: alma.SignatureEd25519, OmitNull: true, ContentMode: alma.ModeBinary, Challenge: true, ClientCertificate: "-----BEGIN CERTIFICATE-----\n", ClientKey: "-----BEGIN KEY-----\n",
	}
}

func testWebhookRoundTrip(e *env) {
	for id, config := range map[string]alma.WebhookConfig{
		"wh_full":     fullConfig(),
		"wh_minimal":  {URL: "https://example.com"},
		"wh_unsigned": {URL: "https://example.com", Unsigned: true},
		"wh_schedule": {URL: "https://example.com", RetrySchedule: []time.Duration{time.Second, 3 * time.Hour}},
	} {
		w := alma.Webhook{ID: id, Config: config, State: alma.StatePending, StateReason: "the challenge was not answered", CreatedAt: moment, SecretSetAt: moment.Add(time.Hour)}
		if id == "wh_full" {
			w.FormerSecret, w.FormerUntil = "s3cret before", moment.Add(24*time.Hour)
			w.Consent = &alma.Consent{URL: config.URL, Format: config.Format, At: moment, Rate: 120}
		}
		made, err := e.CreateWebhook(e.ctx, w)
		e.check(err, "create")
		got, err := e.Webhook(e.ctx, id)
		e.check(err, "read")
		w.Version, w.UpdatedAt = 1, got.UpdatedAt
		e.equal(got, w, id)
		e.equal(made.Version, int64(1), "version")
	}
}

func testWebhookCreate(e *env) {
	w := e.webhook("wh_1")
	if w.Version != 1 || w.CreatedAt.IsZero() || w.UpdatedAt.IsZero() {
		e.Fatalf("a new webhook has version %d, created %v, updated %v", w.Version, w.CreatedAt, w.UpdatedAt)
	}
	_, err := e.CreateWebhook(e.ctx, alma.Webhook{ID: "wh_1", Config: alma.WebhookConfig{URL: "https://example.com"}})
	e.wantErr(err, alma.ErrConflict, "create an id again")
	e.check(e.DeleteWebhook(e.ctx, "wh_1"), "delete")
	_, err = e.CreateWebhook(e.ctx, alma.Webhook{ID: "wh_1", Config: alma.WebhookConfig{URL: "https://example.com"}})
	e.wantErr(err, alma.ErrConflict, "create a deleted id again")
}

func testWebhookCursor(e *env) {
	e.appendN("before", 3)
	e.webhook("wh_1")
	e.append(e.event("after"))
	lanes := e.lanes()
	if len(lanes) != 1 || lanes[0].WebhookID != "wh_1" || lanes[0].Shared {
		e.Fatalf("lanes after a webhook was made: %+v; want one with a cursor of its own", lanes)
	}
	e.equal(eventIDs(e.readAll(lanes[0].Cursor)), []string{"after"}, "what the new webhook sees")
}

func testWebhookUpdate(e *env) {
	w := e.webhook("wh_1")
	changed := w
	changed.Config, changed.State, changed.StateReason, changed.SecretSetAt = fullConfig(), alma.StatePaused, "for a while", moment
	changed.FormerSecret, changed.FormerUntil = w.Config.Secret, moment.Add(time.Hour)
	changed.Consent = &alma.Consent{URL: changed.Config.URL, Format: changed.Config.Format, At: moment}
	got, err := e.UpdateWebhook(e.ctx, changed)
	e.check(err, "update")
	changed.Version, changed.UpdatedAt = 2, got.UpdatedAt
	changed.CreatedAt = got.CreatedAt
	e.equal(got, changed, "the updated webhook")
	stored, err := e.Webhook(e.ctx, "wh_1")
	e.check(err, "read")
	e.equal(stored, got, "the stored webhook")
	if d := stored.CreatedAt.Sub(w.CreatedAt); d.Abs() > time.Microsecond {
		e.Fatalf("the update moved created_at by %v", d)
	}
	_, err = e.UpdateWebhook(e.ctx, w)
	e.wantErr(err, alma.ErrConflict, "update with the version before")
	again, err := e.Webhook(e.ctx, "wh_1")
	e.check(err, "read")
	e.equal(again, got, "the webhook after a refused update")
}

func testWebhookAbsent(e *env) {
	e.webhook("wh_gone")
	e.check(e.DeleteWebhook(e.ctx, "wh_gone"), "delete")
	for _, id := range []string{"wh_never", "wh_gone"} {
		_, err := e.Webhook(e.ctx, id)
		e.wantErr(err, alma.ErrNotFound, "read "+id)
		_, err = e.UpdateWebhook(e.ctx, alma.Webhook{ID: id, Version: 1})
		e.wantErr(err, alma.ErrNotFound, "update "+id)
		e.wantErr(e.DeleteWebhook(e.ctx, id), alma.ErrNotFound, "delete "+id)
	}
}

func testWebhookList(e *env) {
	for _, id := range []string{"wh_c", "wh_a", "wh_b"} {
		e.webhook(id)
	}
	e.check(e.DeleteWebhook(e.ctx, "wh_a"), "delete")
	list, err := e.Webhooks(e.ctx)
	e.check(err, "list")
	var ids []string
	for _, w := range list {
		ids = append(ids, w.ID)
		e.equal(w.Config.Secret, "secret of "+w.ID, "the secret")
	}
	e.equal(ids, []string{"wh_c", "wh_b"}, "webhooks")
}

func testWebhookFind(e *env) {
	var want []string
	for i := range 7 {
		w := alma.Webhook{ID: fmt.Sprint("wh_", 9-i), Config: alma.WebhookConfig{URL: "https://example.com"}, State: alma.StateActive}
		if i%2 == 0 {
			w.Config.ProjectID = "shop"
			want = append(want, w.ID)
		}
		_, err := e.CreateWebhook(e.ctx, w)
		e.check(err, "create")
	}
	e.equal(e.foundWebhooks(alma.WebhookQuery{ProjectID: "shop", Cursor: alma.Cursor{Limit: 2}}, nil), want, "those of the shop")
	e.equal(e.foundWebhooks(alma.WebhookQuery{ProjectID: "nobody"}, nil), []string(nil), "those of nobody")
	all := e.foundWebhooks(alma.WebhookQuery{Cursor: alma.Cursor{Limit: 3}}, func() {
		e.check(e.DeleteWebhook(e.ctx, "wh_9"), "delete one that was listed")
	})
	e.equal(all, []string{"wh_9", "wh_8", "wh_7", "wh_6", "wh_5", "wh_4", "wh_3"}, "all")
	_, err := e.FindWebhooks(e.ctx, alma.WebhookQuery{Cursor: alma.Cursor{After: "no cursor"}})
	e.wantFault(err, "after")
}

// foundWebhooks walks through all pages; after the first it calls meanwhile.
func (e *env) foundWebhooks(q alma.WebhookQuery, meanwhile func()) (ids []string) {
	e.Helper()
	for {
		page, err := e.FindWebhooks(e.ctx, q)
		e.check(err, "find webhooks")
		for i := range page.Items {
			ids = append(ids, page.Items[i].ID)
		}
		if page.Next == "" {
			return ids
		}
		if len(page.Items) != q.Size() {
			e.Fatalf("a page that is not the last holds %d; want %d", len(page.Items), q.Size())
		}
		if q.After == "" && meanwhile != nil {
			meanwhile()
		}
		q.After = page.Next
	}
}

func testWebhookDisable(e *env) {
	e.webhook("wh_active")
	paused := e.webhook("wh_paused")
	paused.State = alma.StatePaused
	_, err := e.UpdateWebhook(e.ctx, paused)
	e.check(err, "pause")
	e.settle(alma.Settlement{Disabled: []alma.Disabling{{WebhookID: "wh_active", Reason: "410"}, {WebhookID: "wh_paused", Reason: "410"}, {WebhookID: "wh_never"}}})
	w, err := e.Webhook(e.ctx, "wh_active")
	e.check(err, "read")
	if w.State != alma.StateDisabled || w.StateReason != "410" || w.Version != 2 {
		e.Fatalf("the disabled webhook is %s (%s), version %d; want disabled (410), version 2", w.State, w.StateReason, w.Version)
	}
	w, err = e.Webhook(e.ctx, "wh_paused")
	e.check(err, "read")
	e.equal(w.State, alma.StatePaused, "the state of the paused webhook")
}
