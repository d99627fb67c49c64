package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
	"github.com/alma-events/alma/wire"
)

// rotateSource answers with the new secret, shown this once. The sender may go
// on with the former one until the overlap ends.
func (s *Server) rotateSource(c *call) error {
	if _, err := s.source(c); err != nil {
		return err
	}
	in, faults, err := c.readRotation()
	if err != nil {
		return err
	}
	s.rotating.Lock() // Of two at once, the second has to see what the first did.
	defer s.rotating.Unlock()
	src, err := s.source(c)
	if err != nil {
		return err
	}
	if err := changeSecret(faults, &src, in, time.Now().UTC()); err != nil {
		return err
	}
	src, err = s.store.UpdateSource(c.r.Context(), src)
	if err != nil {
		return fmt.Errorf("alma: rotate the secret of a source: %w", err)
	}
	return c.reply(http.StatusOK, viewSource(&src, time.Now()).shown(src.Secret))
}

func changeSecret(faults *faultList, src *alma.Source, in rotation, now time.Time) error {
	overlap := seconds(in.Overlap)
	if overlap < 0 || overlap > webhook.MaxOverlap {
		faults.addf("overlap", "%v seconds is out of range; want 0 to %v", overlap.Seconds(), webhook.MaxOverlap.Seconds())
	}
	if in.Secret != "" && in.Secret == src.Secret {
		faults.addf("secret", "is the present one; want another, or leave it out to have one generated")
	}
	format, _ := wire.Lookup(src.Format)
	if in.Secret == "" && format != nil {
		in.Secret = format.NewSecret(alma.SignatureHMAC)
	}
	lasting := src.FormerSecret != "" && now.Before(src.FormerUntil)
	former := src.Secret
	src.Secret, src.Unsigned, src.FormerSecret = in.Secret, false, ""
	checkSource(faults, format, src)
	if err := faults.err(); err != nil {
		return err
	}
	if overlap > 0 && lasting {
		return newProblem(http.StatusConflict, "an earlier rotation lasts until %s; wait for that, or rotate with overlap 0, which ends it", src.FormerUntil.UTC().Format(time.RFC3339))
	}
	src.FormerUntil = time.Time{}
	if overlap > 0 && former != "" {
		src.FormerSecret, src.FormerUntil = former, now.Add(overlap).Truncate(time.Millisecond)
	}
	return nil
}
