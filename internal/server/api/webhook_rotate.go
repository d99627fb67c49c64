package api

import (
	"net/http"
	"time"

	"github.com/alma-events/alma/webhook"
)

// rotation is the body of a change of secret; none at all means what an empty
// object does.
type rotation struct {
	Secret  string  `json:"secret,omitempty" doc:"The new secret; generated if left out."`
	Overlap float64 `json:"overlap,omitempty" doc:"Seconds for which the former secret stays valid beside the new one, at most 2592000. A format with one signature is signed with the former until then."`
}

// rotateSecret answers with the new secret, shown this once.
func (s *Server) rotateSecret(c *call) error {
	w, err := s.webhook(c)
	if err != nil {
		return err
	}
	in, faults, err := c.readRotation()
	if err != nil {
		return err
	}
	r := webhook.Rotation{Secret: in.Secret, Overlap: seconds(in.Overlap), Version: c.wanted()}
	if faults.err() != nil {
		faults.merge("", s.manager.ValidateRotation(c.r.Context(), w.ID, r))
		return faults.err()
	}
	if w, err = s.manager.RotateSecret(c.r.Context(), w.ID, r); err != nil {
		if now, missing := s.store.Webhook(c.r.Context(), c.id()); missing == nil && now.Version == c.wanted() {
			return err //nolint:wrapcheck // A conflict with an earlier rotation, not with an edit.
		}
		return c.stale(err)
	}
	view, err := s.view(c.r.Context(), w.ID)
	if err != nil {
		return err
	}
	view.Secret = &w.Config.Secret
	return c.replyVersioned(http.StatusOK, view.Version, view)
}

// seconds keeps absurd numbers absurd instead of letting them wrap.
func seconds(v float64) time.Duration {
	const most = float64(1<<63 - 1)
	return time.Duration(max(-most, min(v*float64(time.Second), most-1024)))
}

// readRotation decodes a body that may be missing.
func (c *call) readRotation() (in rotation, faults *faultList, err error) {
	if c.r.ContentLength == 0 {
		return in, &faultList{}, nil
	}
	faults, err = readBody(c, &in)
	return in, faults, err
}
