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
	var in rotation
	if err := c.readOptional(&in); err != nil {
		return err
	}
	w, err = s.manager.RotateSecret(c.r.Context(), w.ID, webhook.Rotation{Secret: in.Secret, Overlap: seconds(in.Overlap)})
	if err != nil {
		return err //nolint:wrapcheck // The manager says what was done.
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

// readOptional decodes a body that may be missing.
func (c *call) readOptional(into *rotation) error {
	if c.r.ContentLength == 0 {
		return nil
	}
	faults, err := readBody(c, into)
	if err != nil {
		return err
	}
	return faults.err()
}
