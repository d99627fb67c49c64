package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

// postOffice is a mail server in a test's hands.
type postOffice struct {
	mu     sync.Mutex
	mails  []webhook.Mail
	answer func(context.Context, webhook.Mail) webhook.MailResult // nil: all are taken.
}

func (b *postOffice) take(ctx context.Context, m webhook.Mail) webhook.MailResult {
	b.mu.Lock()
	answer := b.answer
	b.mails = append(b.mails, m)
	b.mu.Unlock()
	if answer != nil {
		return answer(ctx, m)
	}
	return webhook.MailResult{Code: 250, Header: map[string]string{"Subject": m.Subject}, Replies: "250 OK"}
}

func (b *postOffice) answers(f func(context.Context, webhook.Mail) webhook.MailResult) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = f
}

// got lists the mails that were offered, the oldest first.
func (b *postOffice) got() []webhook.Mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.mails)
}

func greylisted(context.Context, webhook.Mail) webhook.MailResult {
	return webhook.MailResult{Reason: alma.ReasonStatus4xx, Code: 451, Err: errors.New("the mail server refused the mail (451)"), Replies: "451 later"}
}

func unreachable(context.Context, webhook.Mail) webhook.MailResult {
	return webhook.MailResult{Reason: alma.ReasonConnect, Err: errors.New("no connection")}
}

func unknownUser(context.Context, webhook.Mail) webhook.MailResult {
	return webhook.MailResult{Reason: alma.ReasonStatus5xx, Final: true, Code: 550, Err: errors.New("the mail server refused the mail (550)"), Replies: "550 no such user"}
}

// withMail runs a test in a bubble, with an engine that knows a mail server.
func withMail(t *testing.T, f func(t *testing.T, e *engine, box *postOffice)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		recorder, box := almatest.NewRecorder(t, almatest.WithSecret(testSecret)), &postOffice{}
		e := newEngine(t, webhook.Config{Dial: almatest.NewPipeListener(t, recorder).Dial, Mail: box.take, LagAlert: webhook.LagAlert{Events: 5}})
		e.listener, e.url, e.bubble = recorder, "http://listener.example/hook", true
		f(t, e, box)
	})
}

var allNews = []alma.EventType{
	webhook.WebhookDisabled, webhook.BreakerOpened, webhook.BreakerClosed, webhook.DeliveryFailed, webhook.LagHigh, webhook.EventsExpired,
}

// mailTo registers a webhook that sends e-mail.
func (e *engine) mailTo(addresses string, cfg alma.WebhookConfig) alma.Webhook {
	e.t.Helper()
	cfg.URL = "mailto:" + addresses
	if cfg.Events == nil {
		cfg.Events = allNews
	}
	w, err := e.Add(e.t.Context(), cfg)
	if err != nil {
		e.t.Fatal(err)
	}
	return w
}

// fails makes deliveries of the listener fail for good.
func (e *engine) fails(n int) {
	e.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("m-%d-%d", time.Now().UnixNano(), i)
	}
	e.append(ids...)
	pass(5 * time.Second)
}

// TestMailTellsPeople: what happens within a minute comes in one mail, which
// says what, of which webhook, why, and what to do; and gives nothing away.
func TestMailTellsPeople(t *testing.T) {
	withMail(t, func(t *testing.T, e *engine, box *postOffice) {
		e.listener.Answer(almatest.Status(http.StatusInternalServerError))
		w := e.add(alma.WebhookConfig{URL: e.url + "?token=hidden", RetryCount: new(0), ProjectID: "shop", Description: "the shop's\r\nBcc: evil@example.com"})
		sender := e.mailTo("ops@example.com,dev%2Bteam@example.com", alma.WebhookConfig{})
		e.fails(30)
		pass(time.Minute)
		mails := box.got()
		if len(mails) != 1 {
			t.Fatalf("%d mails; want one for all that came within a minute", len(mails))
		}
		m := mails[0]
		if want := "[Alma] " + w.ID + " (the shop's Bcc: evil@example.com): breaker opened, deliveries failed (2 events)"; m.Subject != want {
			t.Errorf("the subject is %q; want %q", m.Subject, want)
		}
		if !slices.Equal(m.To, []string{"ops@example.com", "dev+team@example.com"}) || m.WebhookID != sender.ID || m.ID == "" {
			t.Errorf("sent %+v", m)
		}
		for _, part := range []string{
			"The breaker opened: twenty events in a row failed.", "deliveries have failed for good", "Webhook:  " + w.ID + " (the shop's Bcc: evil@example.com)\n",
			"Address:  " + e.url + "\n", "Project:  shop\n", "Reason:   status_5xx\n", "Error:    the listener answered 500\n", "When:     2000-01-01 00:00:0",
			"alma webhook show " + w.ID + "\n", "alma delivery list --webhook " + w.ID + " --status failed\n", "alma webhook pause " + sender.ID + "\n", "Events:   evt_",
		} {
			if !strings.Contains(m.Text, part) {
				t.Errorf("the mail lacks %q:\n%s", part, m.Text)
			}
		}
		if strings.Contains(m.Text, "hidden") || strings.Contains(m.Text, testSecret) || strings.Contains(m.Text, "retry once") {
			t.Errorf("the mail gives something away:\n%s", m.Text)
		}
	})
}

// TestMailKnowsWhatIsDocumented: every operational event can be named, and has
// words of its own; the heaviest stands first in the subject.
func TestMailKnowsWhatIsDocumented(t *testing.T) {
	withMail(t, func(t *testing.T, e *engine, box *postOffice) {
		page, err := os.ReadFile("../docs/operational-events.md")
		if err != nil {
			t.Fatal(err)
		}
		var types []alma.EventType
		var events []alma.Event
		for _, m := range regexp.MustCompile("(?m)^\\| `(ALMA_[A-Z_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
			ev := alma.Event{Type: alma.EventType(m[1]), MemoryID: "wh_gone", MemoryType: "webhook", Data: []byte(`{"count":2,"lag":1,"lag_seconds":90,"reason":"why"}`)}
			if err := ev.Prepare(time.Now()); err != nil {
				t.Fatal(err)
			}
			types, events = append(types, ev.Type), append(events, ev)
		}
		if len(types) < 6 {
			t.Fatalf("documented are %v only", types)
		}
		e.mailTo("ops@example.com", alma.WebhookConfig{Events: types})
		if _, err := e.store.Append(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Minute)
		m := box.got()[0]
		if want := "[Alma] wh_gone: disabled, events given up, breaker opened, deliveries failed, far behind, answers again (6 events)"; m.Subject != want {
			t.Errorf("the subject is %q; want %q", m.Subject, want)
		}
		if strings.Contains(m.Text, "Told is: ") || strings.Contains(m.Text, "%!") {
			t.Errorf("a type has no words of its own:\n%s", m.Text)
		}
		for _, part := range []string{"2 events were given up", "2 deliveries have failed for good", "1 event waits, the oldest for 1m30s"} {
			if !strings.Contains(m.Text, part) {
				t.Errorf("the mail lacks %q:\n%s", part, m.Text)
			}
		}
	})
}

func TestMailOfSeveralWebhooks(t *testing.T) {
	withMail(t, func(t *testing.T, e *engine, box *postOffice) {
		e.listener.Answer(almatest.Status(http.StatusInternalServerError))
		one, two := e.add(alma.WebhookConfig{RetryCount: new(0)}), e.add(alma.WebhookConfig{RetryCount: new(0)})
		e.mailTo("ops@example.com", alma.WebhookConfig{})
		e.fails(1)
		if err := e.Remove(t.Context(), two.ID); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Minute)
		m := box.got()[0]
		if want := "[Alma] 2 events about 2 webhooks: deliveries failed"; m.Subject != want {
			t.Errorf("the subject is %q; want %q", m.Subject, want)
		}
		if !strings.Contains(m.Text, "alma webhook replay "+one.ID+" --status failed") || !strings.Contains(m.Text, two.ID+", which was removed since") || strings.Contains(m.Text, "replay "+two.ID) {
			t.Errorf("the mail:\n%s", m.Text)
		}
	})
}

// TestMailIsRefusedForNow: what the mail server does not take yet is sent again,
// the same to the letter, for most of a day.
func TestMailIsRefusedForNow(t *testing.T) {
	withMail(t, func(t *testing.T, e *engine, box *postOffice) {
		box.answers(greylisted)
		e.listener.Answer(almatest.Status(http.StatusNotFound))
		w := e.add(alma.WebhookConfig{RetryCount: new(0)})
		sender := e.mailTo("ops@example.com", alma.WebhookConfig{})
		e.fails(1)
		pass(time.Minute)
		if err := e.Remove(t.Context(), w.ID); err != nil { // The mail is written already.
			t.Fatal(err)
		}
		e.restart()
		pass(20 * time.Minute)
		box.answers(nil)
		pass(time.Hour)
		mails := box.got()
		if len(mails) != 4 { // At once, and after 1, 4 and 16 minutes more; then it is taken.
			t.Fatalf("%d attempts", len(mails))
		}
		for _, m := range mails[1:] {
			if m.ID != mails[0].ID || m.Text != mails[0].Text || m.Subject != mails[0].Subject {
				t.Errorf("the repeat differs: %+v", m)
			}
		}
		d := e.of(sender, "")
		if len(d) != 1 || d[0].Status != alma.StatusSuccess {
			t.Fatalf("deliveries %+v", d)
		}
		shown, err := e.Delivery(t.Context(), d[0].ID)
		if err != nil || len(shown.Log) != 4 {
			t.Fatalf("%+v, %v", shown, err)
		}
		first, last := shown.Log[0], shown.Log[3]
		if first.StatusCode != 451 || first.Reason != alma.ReasonStatus4xx || first.Error != "the mail server refused the mail (451)" || first.Detail.ResponseBody != "451 later" {
			t.Errorf("the first attempt: %+v %+v", first, first.Detail)
		}
		if last.StatusCode != 250 || last.Reason != "" || last.Detail.RequestHeaders["Subject"] != mails[0].Subject {
			t.Errorf("the last attempt: %+v %+v", last, last.Detail)
		}
		body, err := e.RequestBody(t.Context(), &shown)
		if err != nil || body == nil || !strings.Contains(string(body.Body), "1 delivery has failed for good") {
			t.Errorf("what was sent is shown as %+v, %v", body, err)
		}
	})
}

// of lists deliveries of a webhook.
func (e *engine) of(w alma.Webhook, status alma.DeliveryStatus) []alma.Delivery {
	e.t.Helper()
	page, err := e.Deliveries(e.t.Context(), alma.DeliveryQuery{WebhookID: w.ID, Status: status, Cursor: alma.Cursor{Limit: alma.MaxPageSize}})
	if err != nil {
		e.t.Fatal(err)
	}
	return page.Items
}

// TestMailIsRefusedForGood: it fails at once, is shown with what the server
// said, and can be sent by hand.
func TestMailIsRefusedForGood(t *testing.T) {
	withMail(t, func(t *testing.T, e *engine, box *postOffice) {
		box.answers(unknownUser)
		e.listener.Answer(almatest.Status(http.StatusNotFound))
		e.add(alma.WebhookConfig{RetryCount: new(0)})
		sender := e.mailTo("gone@example.com", alma.WebhookConfig{})
		e.fails(1)
		pass(time.Hour)
		d := e.of(sender, alma.StatusFailed)
		if len(d) != 1 || len(box.got()) != 1 || d[0].LastStatusCode != 550 || d[0].LastReason != alma.ReasonStatus5xx {
			t.Fatalf("%d mails, deliveries %+v", len(box.got()), d)
		}
		if _, err := e.Update(t.Context(), sender.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error { c.URL = "mailto:here@example.com"; return nil }); err != nil {
			t.Fatal(err)
		}
		box.answers(nil)
		if _, err := e.Retry(t.Context(), d[0].ID); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		mails := box.got()
		if len(mails) != 2 || mails[1].To[0] != "here@example.com" || len(e.of(sender, alma.StatusSuccess)) != 1 {
			t.Errorf("sent %+v", mails)
		}
	})
}

// TestMailServerIsDead: two webhooks that send e-mail and watch each other make
// no endless mails, nothing is lost while the breaker is open, and what others
// get goes on.
func TestMailServerIsDead(t *testing.T) {
	withMail(t, func(t *testing.T, e *engine, box *postOffice) {
		box.answers(unreachable)
		e.listener.Answer(almatest.Status(http.StatusNotFound))
		e.add(alma.WebhookConfig{RetryCount: new(0), DisableAfter: new(time.Duration(0))})
		at := alma.WebhookConfig{BatchSize: 1, BatchDelay: new(time.Duration(0))}
		a, b := e.mailTo("a@example.com", at), e.mailTo("b@example.com", at)
		for range 25 {
			e.fails(1)
			pass(time.Minute)
		}
		pass(time.Hour)
		if got := count(e.announced(), webhook.DeliveryFailed); got != 25 {
			t.Errorf("failures were announced %d times; want 25, those of e-mails not among them", got)
		}
		told := len(e.announced())
		pass(3 * time.Hour)
		if now := len(e.announced()); now != told {
			t.Errorf("another %d events were announced though nothing happened: %s", now-told, kinds(e.announced()[told:]))
		}
		box.answers(nil)
		before := len(box.got())
		pass(8 * time.Hour)
		if taken := len(box.got()) - before; taken < 50 || taken > 60 { // 25 each, what is told of the other one, and no more.
			t.Errorf("%d mails when the server was back", taken)
		}
		settled := len(box.got())
		pass(12 * time.Hour)
		if more := len(box.got()) - settled; more != 0 {
			t.Errorf("%d mails though nothing happens any more", more)
		}
		for _, w := range []alma.Webhook{a, b} {
			if n := len(e.of(w, alma.StatusPending)); n != 0 {
				t.Errorf("%d deliveries of %s still wait", n, w.ID)
			}
		}
	})
}

func count(list []alma.Event, kind alma.EventType) (n int) {
	for i := range list {
		if list[i].Type == kind {
			n++
		}
	}
	return n
}

// TestMailServerHangs: an attempt lasts no longer than the webhook's timeout, and
// other webhooks are not held up.
func TestMailServerHangs(t *testing.T) {
	withMail(t, func(t *testing.T, e *engine, box *postOffice) {
		box.answers(func(ctx context.Context, _ webhook.Mail) webhook.MailResult {
			<-ctx.Done()
			return webhook.MailResult{Reason: alma.ReasonTimeout, Err: ctx.Err()}
		})
		e.listener.Answer(almatest.Status(http.StatusNotFound))
		e.add(alma.WebhookConfig{RetryCount: new(0)})
		sender := e.mailTo("ops@example.com", alma.WebhookConfig{BatchSize: 1, Timeout: 7 * time.Second})
		e.append("a")
		pass(2 * time.Second) // The mail is on its way.
		e.append("b")
		pass(settling)
		if got := e.got(); len(got) != 2 || len(box.got()) != 1 {
			t.Errorf("the other listener has got %v while %d mails are under way", got, len(box.got()))
		}
		pass(10 * time.Second)
		d := e.of(sender, alma.StatusPending)
		if len(d) != 1 || d[0].LastReason != alma.ReasonTimeout {
			t.Fatalf("deliveries %+v", d)
		}
		shown, err := e.Delivery(t.Context(), d[0].ID)
		if err != nil || len(shown.Log) != 1 || shown.Log[0].Duration != 7*time.Second {
			t.Errorf("%+v, %v; want one attempt of 7s", shown.Log, err)
		}
	})
}

// TestMailWithoutServer: where no mail server is known, such a webhook is
// refused, and a stored one waits until it is served by a node that knows one.
func TestMailWithoutServer(t *testing.T) {
	withMail(t, func(t *testing.T, e *engine, box *postOffice) {
		e.listener.Answer(almatest.Status(http.StatusNotFound))
		e.add(alma.WebhookConfig{RetryCount: new(0)})
		sender := e.mailTo("ops@example.com", alma.WebhookConfig{BatchDelay: new(time.Second)})
		known := e.cfg.Mail
		e.cfg.Mail = nil
		e.restart()
		_, err := e.Add(t.Context(), alma.WebhookConfig{URL: "mailto:dev@example.com", Events: allNews})
		if faults := faultsOf(t, err); !strings.Contains(faults["url"], "knows no mail server to send through: start it with --smtp-url") || len(faults) != 1 {
			t.Errorf("faults %v", faults)
		}
		e.fails(1)
		d := e.of(sender, alma.StatusPending)
		if len(d) != 1 || d[0].LastReason != alma.ReasonConnect || !strings.Contains(d[0].LastError, "--smtp-url") {
			t.Fatalf("deliveries %+v", d)
		}
		if a, err := e.Test(t.Context(), sender.ID); err != nil || a.Reason != alma.ReasonConnect {
			t.Errorf("the test comes to %+v, %v", a, err)
		}
		if _, err := e.Pause(t.Context(), sender.ID); err != nil {
			t.Errorf("it cannot be paused: %v", err)
		}
		if _, err := e.Resume(t.Context(), sender.ID); err != nil {
			t.Errorf("nor resumed: %v", err)
		}
		e.cfg.Mail = known
		e.restart()
		pass(10 * time.Minute)
		if len(box.got()) != 1 || len(e.of(sender, alma.StatusSuccess)) != 1 {
			t.Errorf("%d mails; want the one that waited", len(box.got()))
		}
	})
}

// faultsOf returns what a ValidationError says of each field.
func faultsOf(t *testing.T, err error) map[string]string {
	t.Helper()
	var invalid *alma.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatalf("got %v; want a validation error", err)
	}
	faults := map[string]string{}
	for _, f := range invalid.Faults {
		if _, twice := faults[f.Field]; twice {
			t.Errorf("%s is told twice: %v", f.Field, err)
		}
		faults[f.Field] = f.Message
	}
	return faults
}

// TestMailSettingsAreChecked: all that an e-mail has no use for is told at once.
func TestMailSettingsAreChecked(t *testing.T) {
	withMail(t, func(t *testing.T, e *engine, _ *postOffice) {
		_, err := e.Add(t.Context(), alma.WebhookConfig{
			URL: "mailto:ops@example.com?cc=x@example.com", Events: []alma.EventType{alma.Created, "ALMA_BREAKER_OPEND", webhook.LagHigh}, Format: "unheard", Secret: "s3cret-of-nobody",
			Signature: alma.SignatureEd25519, Headers: map[string]string{"X-Token": "t"}, Challenge: true, OmitNull: true, ContentMode: alma.ModeBinary, AgentFilter: []string{"qa"},
		})
		faults := faultsOf(t, err)
		want := []string{"agent_filter", "challenge", "content_mode", "events[0]", "events[1]", "format", "headers", "omit_null", "secret", "signature", "url"}
		if got := slices.Sorted(maps.Keys(faults)); !slices.Equal(got, want) {
			t.Errorf("faults of %v; want %v", got, want)
		}
		if !strings.Contains(faults["events[1]"], `nothing announces "ALMA_BREAKER_OPEND"; want one of ALMA_WEBHOOK_DISABLED, ALMA_BREAKER_OPENED`) {
			t.Errorf("events[1]: %s", faults["events[1]"])
		}
		if strings.Contains(err.Error(), "s3cret-of-nobody") {
			t.Errorf("the error holds the secret: %v", err)
		}
	})
}

// TestListenerBecomesMailbox, and the reverse: what still waits is written anew
// in the new way, and the secret goes and comes.
func TestListenerBecomesMailbox(t *testing.T) {
	withMail(t, func(t *testing.T, e *engine, box *postOffice) {
		e.listener.Answer(almatest.Status(http.StatusNotFound))
		e.add(alma.WebhookConfig{RetryCount: new(0), Events: []alma.EventType{alma.Created}})
		w := e.add(alma.WebhookConfig{Events: []alma.EventType{webhook.DeliveryFailed}, RetryCount: new(5), RetryDelay: new(time.Hour)})
		e.fails(1)
		to := func(url string) alma.Webhook {
			t.Helper()
			w, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error { c.URL = url; return nil })
			if err != nil {
				t.Fatal(err)
			}
			return w
		}
		if got := to("mailto:ops@example.com"); got.Config.Secret != "" || got.Config.Unsigned {
			t.Errorf("the secret stays: %+v", got)
		}
		box.answers(greylisted)
		pass(time.Hour)
		if mails := box.got(); len(mails) != 1 || !strings.Contains(mails[0].Text, "1 delivery has failed for good") {
			t.Fatalf("sent %+v", mails)
		}
		if got := to(e.url); len(got.Config.Secret) < 20 {
			t.Errorf("the secret does not come: %q", got.Config.Secret)
		}
		before := len(e.listener.Requests())
		pass(4 * time.Hour)
		requests := e.listener.Requests()[before:]
		if len(requests) != 1 || !strings.Contains(string(requests[0].Body), `"event_type":"ALMA_DELIVERY_FAILED"`) {
			t.Errorf("posted %+v", requests)
		}
	})
}

// TestMailIsTested: the test event arrives as a mail.
func TestMailIsTested(t *testing.T) {
	withMail(t, func(t *testing.T, e *engine, box *postOffice) {
		w := e.mailTo("ops@example.com", alma.WebhookConfig{Description: "operators"})
		a, err := e.Test(t.Context(), w.ID)
		if err != nil || a.Reason != "" || a.StatusCode != 250 {
			t.Fatalf("%+v, %v", a, err)
		}
		mails := box.got()
		if len(mails) != 1 || mails[0].Subject != "[Alma] "+w.ID+" (operators): test" || !strings.HasPrefix(mails[0].Text, "A test of this webhook. Nothing has changed.\n") {
			t.Errorf("sent %+v", mails)
		}
		if _, err := e.RotateSecret(t.Context(), w.ID, webhook.Rotation{}); !strings.Contains(faultsOf(t, err)["secret"], "an e-mail is not signed") {
			t.Errorf("a secret is made for it: %v", err)
		}
	})
}
