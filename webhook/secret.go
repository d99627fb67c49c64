package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// MaxOverlap is the longest that two secrets are valid side by side.
const MaxOverlap = 30 * 24 * time.Hour

// Rotation says how a webhook changes its secret.
type Rotation struct {
	// Secret is the new one. Defaults to a generated one.
	Secret string
	// Overlap is how long the present secret stays valid beside the new one,
	// at most MaxOverlap. Formats with room for several signatures sign with
	// both meanwhile; the others sign with the present one until its end, and
	// with the new one from then on. Defaults to 0: the new one at once.
	Overlap time.Duration
}

// RotateSecret replaces the secret by a new one, which the answer holds.
// ErrConflict when an earlier rotation's overlap has not ended and this one
// wants another: a rotation without overlap ends it.
func (m *Manager) RotateSecret(ctx context.Context, id string, r Rotation) (alma.Webhook, error) {
	return m.change(ctx, id, AnyVersion, func(w *alma.Webhook) error {
		now := time.Now().UTC()
		if err := r.check(w, now); err != nil {
			return err
		}
		w.FormerSecret, w.FormerUntil = "", time.Time{}
		if r.Overlap > 0 && w.Config.Secret != "" {
			w.FormerSecret, w.FormerUntil = w.Config.Secret, now.Add(r.Overlap).Truncate(time.Millisecond)
		}
		next := w.Config
		next.Secret, next.Signature = r.Secret, ""
		if r.Secret == "" {
			next.Signature = w.Config.WithDefaults(alma.FormatDefaults{}).Signature // A generated one is of the same kind.
			next.Secret = newSecret(&next)
		}
		next.Unsigned, next.Signature = false, ""
		w.Config, w.SecretSetAt = next, now
		return nil
	})
}

func (r *Rotation) check(w *alma.Webhook, now time.Time) error {
	var f alma.Faults
	if r.Overlap < 0 || r.Overlap > MaxOverlap {
		f.Addf("overlap", "%v seconds is out of range; want 0 to %v", r.Overlap.Seconds(), MaxOverlap.Seconds())
	}
	if r.Secret != "" && r.Secret == w.Config.Secret {
		f.Addf("secret", "is the present one; want another, or leave it out to have one generated")
	}
	if err := f.Err(); err != nil {
		return err
	}
	if r.Overlap > 0 && now.Before(w.FormerUntil) {
		return fmt.Errorf("alma: rotate the secret of webhook %s: %w: an earlier rotation lasts until %s; wait for that, or rotate with overlap 0, which ends it",
			w.ID, alma.ErrConflict, w.FormerUntil.Format(time.RFC3339))
	}
	return nil
}

// newSecret draws a secret for settings.
func newSecret(cfg *alma.WebhookConfig) string {
	format, ok := wire.Lookup(cmpOr(cfg.Format, alma.FormatAlma))
	if !ok {
		return alma.NewSecret() // The unknown format is refused elsewhere.
	}
	scheme := cfg.Signature
	if scheme == "" {
		scheme = alma.SignatureHMAC
	}
	return format.NewSecret(scheme)
}
