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
	// Version is the one that must be stored, as in [Manager.Update]. Defaults to
	// AnyVersion.
	Version int64
}

// RotateSecret replaces the secret by a new one, which the answer holds.
// ErrConflict when an earlier rotation's overlap has not ended and this one
// wants another: a rotation without overlap ends it.
func (m *Manager) RotateSecret(ctx context.Context, id string, r Rotation) (alma.Webhook, error) {
	return m.change(ctx, id, r.Version, func(w *alma.Webhook) error {
		now := time.Now().UTC()
		if err := m.checkRotation(&r, w, now); err != nil {
			return err
		}
		w.FormerSecret, w.FormerUntil = "", time.Time{}
		if r.Overlap > 0 && w.Config.Secret != "" {
			w.FormerSecret, w.FormerUntil = w.Config.Secret, now.Add(r.Overlap).Truncate(time.Millisecond)
		}
		w.Config, w.SecretSetAt = r.next(w.Config), now
		return nil
	})
}

// ValidateRotation returns what RotateSecret would refuse.
func (m *Manager) ValidateRotation(ctx context.Context, id string, r Rotation) error {
	w, err := m.stored(ctx, id)
	if err != nil {
		return err
	}
	return m.checkRotation(&r, &w, time.Now())
}

// next returns settings with the new secret. A generated one is of the same kind
// as the present one.
func (r *Rotation) next(cfg alma.WebhookConfig) alma.WebhookConfig {
	next := cfg
	next.Secret, next.Signature = r.Secret, ""
	if r.Secret == "" {
		next.Signature = cfg.WithDefaults(alma.FormatDefaults{}).Signature
		next.Secret = newSecret(&next)
	}
	next.Unsigned, next.Signature = false, ""
	return next
}

// checkRotation finds every fault at once, those of the settings with the new
// secret included.
func (m *Manager) checkRotation(r *Rotation, w *alma.Webhook, now time.Time) error {
	var f alma.Faults
	if r.Overlap < 0 || r.Overlap > MaxOverlap {
		f.Addf("overlap", "%v seconds is out of range; want 0 to %v", r.Overlap.Seconds(), MaxOverlap.Seconds())
	}
	if r.Secret != "" && r.Secret == w.Config.Secret {
		f.Addf("secret", "is the present one; want another, or leave it out to have one generated")
	}
	rotated := *w
	rotated.Config = r.next(w.Config)
	_, err := m.compileNew(rotated, w.Config.URL)
	f.Merge("", err)
	if err := f.Err(); err != nil {
		return err
	}
	if r.Overlap > 0 && now.Before(w.FormerUntil) {
		return fmt.Errorf("alma: rotate the secret of webhook %s: %w: an earlier rotation lasts until %s; wait for that, or rotate with overlap 0, which ends it",
			w.ID, alma.ErrConflict, w.FormerUntil.Format(time.RFC3339))
	}
	return nil
}

// wantsSecret reports whether settings lack a secret that is to be made.
func wantsSecret(cfg *alma.WebhookConfig) bool {
	return cfg.Secret == "" && !cfg.Unsigned && !cfg.SendsMail()
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
