package webhook_test

import (
	"errors"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
	"github.com/alma-events/alma/wire"
)

// signedWith returns which of the secrets has signed the last delivery.
func (e *engine) signedWith(secrets ...string) string {
	e.t.Helper()
	e.append("m")
	pass(time.Second)
	all := e.listener.Requests()
	last := all[len(all)-1]
	for _, s := range secrets {
		if wire.VerifyAlma(s, last.Body, last.Header.Get(wire.HeaderSignature)) == nil {
			return s
		}
	}
	return "none of them"
}

// TestRotationWithAnOverlap: a format with room for one signature goes on with
// the former secret, and switches at the end of the overlap, over a restart too.
func TestRotationWithAnOverlap(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		rotated, err := e.RotateSecret(t.Context(), w.ID, webhook.Rotation{Overlap: time.Hour})
		if err != nil || rotated.Config.Secret == testSecret || len(rotated.Config.Secret) < 32 {
			t.Fatalf("rotated %v, %v", rotated, err)
		}
		next := rotated.Config.Secret
		if got := e.signedWith(testSecret, next); got != testSecret {
			t.Error("during the overlap the new secret signs")
		}
		pass(30 * time.Minute)
		e.restart()
		if got := e.signedWith(testSecret, next); got != testSecret {
			t.Error("after a restart in the overlap the new secret signs")
		}
		if _, err := e.RotateSecret(t.Context(), w.ID, webhook.Rotation{Overlap: time.Hour}); !errors.Is(err, alma.ErrConflict) {
			t.Errorf("a second rotation in the overlap: %v; want a conflict", err)
		}
		pass(time.Hour)
		if got := e.signedWith(testSecret, next); got != next {
			t.Error("after the overlap the new secret does not sign")
		}
		if _, err := e.RotateSecret(t.Context(), w.ID, webhook.Rotation{Secret: "a third one", Overlap: time.Hour}); err != nil {
			t.Fatal(err)
		}
		if got := e.signedWith(next, "a third one"); got != next {
			t.Error("during the second overlap the third secret signs")
		}
		if _, err := e.RotateSecret(t.Context(), w.ID, webhook.Rotation{Secret: "a fourth one"}); err != nil {
			t.Fatal(err)
		}
		if got := e.signedWith(next, "a third one", "a fourth one"); got != "a fourth one" {
			t.Error("a rotation without overlap does not end the earlier one")
		}
	})
}

func TestRotationFaults(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		_, err := e.RotateSecret(t.Context(), w.ID, webhook.Rotation{Secret: testSecret, Overlap: -time.Second})
		var invalid *alma.ValidationError
		if !errors.As(err, &invalid) || len(invalid.Faults) != 2 {
			t.Errorf("got %v; want a fault of overlap and one of secret", err)
		}
		if _, err := e.RotateSecret(t.Context(), "wh_unknown", webhook.Rotation{}); !errors.Is(err, alma.ErrNotFound) {
			t.Errorf("an unknown webhook: %v", err)
		}
	})
}
