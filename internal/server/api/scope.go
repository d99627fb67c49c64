package api

import (
	"fmt"
	"net/http"

	"github.com/alma-events/alma"
)

// mayNameProject refuses a project that is not the key's own. The empty name
// means the key's.
func (c *call) mayNameProject(project string) error {
	if c.key.ProjectID == "" || project == "" || project == c.key.ProjectID {
		return nil
	}
	return newProblem(http.StatusForbidden, "this key is bound to one project and may not touch another")
}

// project returns the project that a request is about: the one that it names,
// else the key's; empty when neither says.
func (c *call) project(named string) (string, error) {
	if err := c.mayNameProject(named); err != nil {
		return "", err
	}
	if c.key.ProjectID != "" {
		return c.key.ProjectID, nil
	}
	c.concerns(named)
	return named, nil
}

// queryProject is the project of a listing. readQuery has refused others.
func (c *call) queryProject() string {
	if c.key.ProjectID != "" {
		return c.key.ProjectID
	}
	return c.query.Get(paramProject.name)
}

// sees reports whether the key may know of what belongs to a project.
func (c *call) sees(project string) bool {
	return c.key.ProjectID == "" || c.key.ProjectID == project
}

// concerns notes whose project it is that the call changes something of.
func (c *call) concerns(project string) { c.concerned = project }

// webhook returns the webhook that the path names, if the key may know of it
// and If-Match does not speak against it.
func (s *Server) webhook(c *call) (alma.Webhook, error) {
	w, err := s.store.Webhook(c.r.Context(), c.id())
	switch {
	case isNotFound(err), err == nil && !c.sees(w.Config.ProjectID):
		return alma.Webhook{}, notFound("webhook")
	case err != nil:
		return alma.Webhook{}, fmt.Errorf("alma: webhook of a request: %w", err)
	}
	c.concerns(w.Config.ProjectID)
	return w, c.match(w.Version)
}

// ownedWebhooks returns the ids of the webhooks whose deliveries the key may
// see; nil means all.
func (s *Server) ownedWebhooks(c *call) (map[string]bool, error) {
	if c.key.ProjectID == "" {
		return nil, nil //nolint:nilnil // No bounds.
	}
	ids, err := s.manager.WebhookIDs(c.r.Context(), c.key.ProjectID)
	if err != nil {
		return nil, err //nolint:wrapcheck // The manager says what was done.
	}
	owned := make(map[string]bool, len(ids))
	for _, id := range ids {
		owned[id] = true
	}
	return owned, nil
}
