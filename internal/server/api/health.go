package api

import (
	"context"
	"net/http"
	"time"
)

// health is the answer of the probes.
type health struct {
	Status string `json:"status"`
}

// pingTime bounds how long a probe waits for the store.
const pingTime = 2 * time.Second

// getHealth answers as long as the process can answer at all.
func (s *Server) getHealth(c *call) error { return c.reply(http.StatusOK, health{"ok"}) }

// getReady answers 200 when events can be taken and delivered. The reason why
// not stays in the log: a probe needs no key.
func (s *Server) getReady(c *call) error {
	select {
	case <-s.closed:
		return newProblem(http.StatusServiceUnavailable, "the server is shutting down")
	default:
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), pingTime)
	defer cancel()
	err := s.manager.Check()
	if err == nil {
		_, err = s.store.Horizon(ctx)
	}
	if err != nil {
		s.logger.WarnContext(ctx, "not ready", "error", err)
		return newProblem(http.StatusServiceUnavailable, "the store or the delivery engine is not working now")
	}
	return c.reply(http.StatusOK, health{"ready"})
}
