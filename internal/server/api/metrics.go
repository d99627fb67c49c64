package api

import "net/http"

// getMetrics answers a scrape. The figures are those of all projects.
func (s *Server) getMetrics(c *call) error {
	if c.key.ProjectID != "" {
		return newProblem(http.StatusForbidden, "the metrics are those of all projects, and this key is bound to one")
	}
	s.metrics.ServeHTTP(c.w, c.r)
	return nil
}
