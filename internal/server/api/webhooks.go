package api

import (
	"context"
	"net/http"

	"github.com/alma-events/alma"
)

// postWebhook registers a webhook. This answer and that of rotate-secret are
// the only ones that hold a secret.
func (s *Server) postWebhook(c *call) error {
	body, err := c.readObject()
	if err != nil {
		return err
	}
	cfg, faults := decodeConfig(body, nil)
	if cfg.ProjectID, err = c.project(cfg.ProjectID); err != nil {
		return err
	}
	if err := refuseConfig(s.manager, faults, &cfg); err != nil {
		return err
	}
	w, err := s.manager.Add(c.r.Context(), cfg)
	if err != nil {
		return err //nolint:wrapcheck // The manager says what was done.
	}
	view, err := s.view(c.r.Context(), w.ID)
	if err != nil {
		return err
	}
	if view.Signed {
		view.Secret = &w.Config.Secret
	}
	return c.replyCreated(w.ID, w.Version, view)
}

func (s *Server) listWebhooks(c *call) error {
	faults := c.queryFaults
	cursor := c.cursor(&faults)
	find := func(at alma.Cursor) (alma.Page[alma.Webhook], error) {
		return s.store.FindWebhooks(c.r.Context(), alma.WebhookQuery{ProjectID: c.queryProject(), Cursor: at})
	}
	if err := c.refuseList(&faults, func(at alma.Cursor) error { _, err := find(at); return err }); err != nil {
		return err
	}
	page, err := find(cursor)
	if err != nil {
		return err //nolint:wrapcheck // The driver names the operation.
	}
	views, err := s.views(c.r.Context(), page.Items)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, newList(views, page.Next))
}

// views says how webhooks do; one that was removed meanwhile is left out.
func (s *Server) views(ctx context.Context, webhooks []alma.Webhook) ([]webhookView, error) {
	views := make([]webhookView, 0, len(webhooks))
	for i := range webhooks {
		view, err := s.view(ctx, webhooks[i].ID)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	return views, nil
}

func (s *Server) view(ctx context.Context, id string) (webhookView, error) {
	st, err := s.manager.Get(ctx, id)
	if err != nil {
		return webhookView{}, err //nolint:wrapcheck // The manager says what was done.
	}
	return viewWebhook(&st)
}

func (s *Server) getWebhook(c *call) error {
	w, err := s.webhook(c)
	if err != nil {
		return err
	}
	return s.replyWebhook(c, w.ID)
}

// replyWebhook answers with a webhook as it is now.
func (s *Server) replyWebhook(c *call, id string) error {
	view, err := s.view(c.r.Context(), id)
	if err != nil {
		return err
	}
	return c.replyVersioned(http.StatusOK, view.Version, view)
}

func (s *Server) deleteWebhook(c *call) error {
	w, err := s.webhook(c)
	if err != nil {
		return err
	}
	if err := s.manager.RemoveVersion(c.r.Context(), w.ID, c.wanted()); err != nil {
		return c.stale(err)
	}
	return c.noContent()
}

func (s *Server) activateWebhook(c *call) error { return s.act(c, s.manager.ActivateVersion) }

func (s *Server) pauseWebhook(c *call) error { return s.act(c, s.manager.PauseVersion) }

func (s *Server) resumeWebhook(c *call) error { return s.act(c, s.manager.ResumeVersion) }

// act does something to the webhook that the path names, and shows it.
func (s *Server) act(c *call, do func(context.Context, string, int64) (alma.Webhook, error)) error {
	w, err := s.webhook(c)
	if err != nil {
		return err
	}
	if w, err = do(c.r.Context(), w.ID, c.wanted()); err != nil {
		return c.stale(err)
	}
	return s.replyWebhook(c, w.ID)
}

// testWebhook sends a synthetic event and answers with the attempt, whatever
// came of it.
func (s *Server) testWebhook(c *call) error {
	w, err := s.webhook(c)
	if err != nil {
		return err
	}
	attempt, err := s.manager.Test(c.r.Context(), w.ID)
	if err != nil {
		return err //nolint:wrapcheck // The manager says what was done.
	}
	return c.reply(http.StatusOK, viewAttempt(&attempt))
}
