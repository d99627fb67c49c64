package webhook_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
	"github.com/alma-events/alma/wire"
)

// inFormat runs a test with a listener of a format, which knows the secrets.
func inFormat(t *testing.T, format alma.Format, secrets []string, f func(t *testing.T, e *engine)) {
	t.Helper()
	inBubble(t, func(t *testing.T, e *engine) {
		e.stop()
		e.listener = almatest.NewRecorder(t, almatest.WithFormat(format), almatest.WithSecret(secrets...))
		pipe := almatest.NewPipeListener(t, e.listener)
		e.cfg.Dial, e.cfg.Origin = pipe.Dial, "alma.example"
		e.start()
		f(t, e)
	})
}

const (
	firstKey  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secondKey = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// TestBothSecretsSignDuringAnOverlap: a format with room for two signatures
// has both, and one of them after the overlap.
func TestBothSecretsSignDuringAnOverlap(t *testing.T) {
	inFormat(t, alma.FormatStandard, []string{firstKey, secondKey}, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{Format: alma.FormatStandard, Secret: firstKey})
		if _, err := e.RotateSecret(t.Context(), w.ID, webhook.Rotation{Secret: secondKey, Overlap: time.Hour}); err != nil {
			t.Fatal(err)
		}
		format, _ := wire.Lookup(alma.FormatStandard)
		verifies := func(r almatest.Received, secret string) bool {
			return format.Verify(r.Header, r.Body, []string{secret}, r.At) == nil
		}
		e.append("1")
		pass(2 * time.Hour)
		e.append("2")
		pass(time.Second)
		got := e.listener.Requests()
		if len(got) != 2 {
			t.Fatalf("%d requests; want 2", len(got))
		}
		if !verifies(got[0], firstKey) || !verifies(got[0], secondKey) {
			t.Errorf("during the overlap: %s", got[0].Header.Get("Webhook-Signature"))
		}
		if verifies(got[1], firstKey) || !verifies(got[1], secondKey) {
			t.Errorf("after the overlap: %s", got[1].Header.Get("Webhook-Signature"))
		}
	})
}

// TestARotatedSecretIsOfTheSameKind: a private key follows a private key.
func TestARotatedSecretIsOfTheSameKind(t *testing.T) {
	inFormat(t, alma.FormatStandard, nil, func(t *testing.T, e *engine) {
		w, err := e.Add(t.Context(), alma.WebhookConfig{URL: e.url, Format: alma.FormatStandard, Signature: alma.SignatureEd25519})
		if err != nil || !strings.HasPrefix(w.Config.Secret, "whsk_") {
			t.Fatalf("added with a secret that begins with %.6s, %v", w.Config.Secret, err)
		}
		rotated, err := e.RotateSecret(t.Context(), w.ID, webhook.Rotation{})
		if err != nil || !strings.HasPrefix(rotated.Config.Secret, "whsk_") || rotated.Config.Secret == w.Config.Secret {
			t.Errorf("rotated to a secret that begins with %.6s, %v", rotated.Config.Secret, err)
		}
	})
}

// TestConsentLimitsTheRate: to what the listener allows a minute, over a
// restart too.
func TestConsentLimitsTheRate(t *testing.T) {
	inFormat(t, alma.FormatCloudEvents, nil, func(t *testing.T, e *engine) {
		e.stop()
		asked := ""
		pipe := almatest.NewPipeListener(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodOptions {
				asked = r.Header.Get("WebHook-Request-Origin")
				w.Header().Set("WebHook-Allowed-Origin", asked)
				w.Header().Set("WebHook-Allowed-Rate", "12")
				return
			}
			e.listener.ServeHTTP(w, r)
		}))
		e.cfg.Dial = pipe.Dial
		e.start()
		w := e.add(alma.WebhookConfig{Format: alma.FormatCloudEvents, Unsigned: true, RateLimit: 100})
		if w.State != alma.StateActive || w.Consent.Rate != 12 || asked != "alma.example" {
			t.Fatalf("added %+v; asked as %s", w, asked)
		}
		e.append(names("m", 100)...)
		pass(time.Minute)
		before := len(e.listener.Requests())
		if before < 12 || before > 13 {
			t.Errorf("%d requests in a minute; want 12", before)
		}
		if got := e.listener.Requests()[0].Header.Get("WebHook-Request-Origin"); got != asked {
			t.Errorf("delivered in the name of %q; the consent is for %q", got, asked)
		}
		e.restart()
		pass(time.Minute)
		if n := len(e.listener.Requests()) - before; n < 12 || n > 13 {
			t.Errorf("%d requests in the minute after a restart; want 12", n)
		}
	})
}
