package webhook_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

// What a listener can do wrong, and what the operator is told.
func TestMisbehavingListeners(t *testing.T) {
	for name, tc := range map[string]struct {
		answer almatest.Answer
		reason alma.Reason
		text   string
	}{
		"hangs":                   {almatest.Hang(), alma.ReasonTimeout, "10s"},
		"drips a byte a second":   {almatest.Drip(time.Second), alma.ReasonTimeout, "10s"},
		"answers 1 GB":            {almatest.Huge(1 << 30), alma.ReasonTooLarge, "more than"},
		"closes half-way":         {almatest.HalfAnswer(), alma.ReasonConnect, ""},
		"closes without a word":   {almatest.HangUp(), alma.ReasonConnect, ""},
		"redirects":               {almatest.Redirect("http://127.0.0.1/elsewhere"), alma.ReasonRedirect, "redirect not followed"},
		"answers no HTTP":         {almatest.Garbage(), alma.ReasonProtocol, ""},
		"says 401":                {almatest.Status(401), alma.ReasonStatus4xx, "401"},
		"says 503":                {almatest.Status(503), alma.ReasonStatus5xx, "503"},
		"200 with a garbage body": {almatest.Text(200, "\xff\x00<not json"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *engine) {
				e.add(alma.WebhookConfig{Timeout: 10 * time.Second, RetryCount: new(0)})
				e.listener.Answer(tc.answer)
				e.append("m-1")
				pass(30 * time.Second)
				d := e.only()
				want := alma.StatusFailed
				if tc.reason == "" {
					want = alma.StatusSuccess
				}
				if d.Status != want || d.LastReason != tc.reason || !strings.Contains(d.LastError, tc.text) {
					t.Errorf("%s, reason %q, error %q; want %s, %q, and a text with %q", d.Status, d.LastReason, d.LastError, want, tc.reason, tc.text)
				}
				if len(d.Log) != 1 || len(d.Log[0].Detail.ResponseBody) > 64<<10 {
					t.Errorf("%d attempts logged, with %d bytes of the answer; want one, and 64 KiB at most", len(d.Log), len(d.Log[0].Detail.ResponseBody))
				}
			})
		})
	}
}

func TestAddressesAreGuarded(t *testing.T) {
	t.Parallel()
	e := newEngine(t, webhook.Config{})
	for name, url := range map[string]string{
		"loopback":                "http://127.0.0.1:1/hook",
		"localhost":               "https://localhost/hook",
		"metadata":                "http://169.254.169.254/latest/meta-data",
		"private":                 "https://10.1.2.3/hook",
		"mapped":                  "https://[::ffff:127.0.0.1]/hook",
		"public, but without TLS": "http://93.184.215.14/hook",
	} {
		_, err := e.Add(t.Context(), alma.WebhookConfig{URL: url})
		var faults *alma.ValidationError
		if !errors.As(err, &faults) || len(faults.Faults) != 1 || faults.Faults[0].Field != "url" {
			t.Errorf("%s: error %v; want one fault of the url", name, err)
		}
	}
}

func TestAWebhookOfAnAllowedAddressOverARealSocket(t *testing.T) {
	onLoopback(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{})
		e.append("m-1")
		d := e.settled(alma.StatusSuccess)
		if d.Attempts != 1 || len(e.listener.Requests()) != 1 {
			t.Errorf("%+v; want one attempt", d)
		}
	})
}

func TestASecretThatIsEchoedIsNeverShown(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		const token = "Bearer very-private-token"
		e.add(alma.WebhookConfig{RetryCount: new(0), Headers: map[string]string{"Authorization": token}})
		e.listener.Answer(func(x *almatest.Exchange) {
			x.Writer.Header().Set("X-Echo", testSecret+" "+token)
			x.Writer.WriteHeader(http.StatusBadRequest)
			_, _ = x.Writer.Write([]byte("you sent " + token + " and " + testSecret))
		})
		e.append("m-1")
		synctest.Wait()
		detail := e.only().Log[0].Detail
		shown := detail.ResponseBody + detail.ResponseHeaders["X-Echo"] + detail.RequestHeaders["Authorization"]
		for _, secret := range []string{testSecret, "very-private-token"} {
			if strings.Contains(shown, secret) {
				t.Errorf("the attempt log shows %q", secret)
			}
		}
	})
}

func TestRegistrationNamesEveryFault(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		_, err := e.Add(t.Context(), alma.WebhookConfig{
			URL: "ftp://user:hunter2@example.com/x", Events: []alma.EventType{"created"}, RetryCount: new(-1),
			RetrySchedule: []time.Duration{time.Hour}, Filter: "event.agent =", Timeout: time.Hour, BatchSize: 5000,
			Headers: map[string]string{"X-ALMA-Signature": "forged", "Bad Name": "x"},
		})
		var faults *alma.ValidationError
		if !errors.As(err, &faults) {
			t.Fatalf("error %v; want a ValidationError", err)
		}
		got := map[string]bool{}
		for _, f := range faults.Faults {
			got[f.Field] = true
		}
		for _, field := range []string{"url", "events[0]", "retry_count", "retry_schedule", "filter", "timeout", "batch_size", "headers.X-ALMA-Signature", "headers"} {
			if !got[field] {
				t.Errorf("no fault names %s: %v", field, err)
			}
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Error("the error shows the password of the URL")
		}
		if list, err := e.List(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("%d webhooks stored, %v; want none", len(list), err)
		}
	})
}

func TestAStoredWebhookThatCannotBeUsedKeepsItsPlace(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		e.append("m-1")
		synctest.Wait()
		later := w
		later.Config.Filter = "what.only.a.later.program.knows("
		later, err := e.store.UpdateWebhook(t.Context(), later)
		if err != nil {
			t.Fatal(err)
		}
		e.restart()
		e.append("m-2", "m-3")
		pass(time.Hour)
		s, err := e.Get(t.Context(), w.ID)
		if err != nil || s.State != alma.StateDisabled || !strings.Contains(s.StateReason, "filter") {
			t.Errorf("%s, %q, %v; want it shown as disabled, with the reason", s.State, s.StateReason, err)
		}
		later.Config.Filter = ""
		if _, err := e.store.UpdateWebhook(t.Context(), later); err != nil {
			t.Fatal(err)
		}
		e.restart()
		pass(time.Minute)
		if got := sorted(e.got()); !slices.Equal(got, []string{"m-1", "m-2", "m-3"}) {
			t.Errorf("delivered %v; want what waited meanwhile too", got)
		}
	})
}

func TestAnAddressThatIsNoLongerAllowedFailsItsAttempts(t *testing.T) {
	onLoopback(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RetryCount: new(0)})
		e.stop()
		e.cfg.AllowCIDRs = nil
		e.start()
		e.append("m-1")
		d := e.settled(alma.StatusFailed)
		if d.LastReason != alma.ReasonBlockedAddress || !strings.Contains(d.LastError, "--allow-cidr") {
			t.Errorf("%s: %s; want blocked_address, and what allows it", d.LastReason, d.LastError)
		}
		if s, err := e.Get(t.Context(), w.ID); err != nil || s.State != alma.StateActive {
			t.Errorf("%s, %v; want it active", s.State, err)
		}
	})
}
