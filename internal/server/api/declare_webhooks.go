package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/alma-events/alma"
)

func (s *Server) planWebhooks(ctx context.Context, faults *faultList, list json.RawMessage, prune bool) ([]intent, error) {
	if len(list) == 0 || isNull(list) {
		return nil, nil
	}
	stored, err := s.manager.List(ctx)
	if err != nil {
		return nil, err //nolint:wrapcheck // The manager says what was done.
	}
	byName := map[string]*alma.Webhook{}
	for i := range stored {
		name := stored[i].Config.Name
		if name != "" && byName[name] != nil {
			faults.addf("webhooks", "the webhooks %s and %s both have the name %s; remove one of them", byName[name].ID, stored[i].ID, name)
		}
		if byName[name] == nil {
			byName[name] = &stored[i].Webhook
		}
	}
	var plan []intent
	named := map[string]bool{}
	declared(faults, "webhooks", list, func(place, name string, raw json.RawMessage) {
		named[name] = true
		plan = append(plan, s.planWebhook(faults, place, name, raw, byName[name]))
	})
	for i := range stored {
		id, name := stored[i].ID, stored[i].Config.Name
		if !prune || named[name] {
			continue
		}
		if name == "" {
			name = id
		}
		plan = append(plan, removal("webhook", name, id, stored[i].Config.ProjectID, s.manager.Remove))
	}
	return plan, nil
}

func (s *Server) planWebhook(faults *faultList, place, name string, raw json.RawMessage, old *alma.Webhook) intent {
	next, found := decodeConfig(raw, nil)
	if next.Secret == "" && !next.Unsigned && !next.SendsMail() && old == nil {
		found.addf("secret", "missing: nobody would see a generated one; want it from a variable, as ${NAME}, or null for an unsigned webhook")
	}
	if old != nil {
		inherit(&next, &old.Config)
	}
	found.merge("", s.manager.Validate(next))
	for _, f := range found.list {
		faults.addf(join(place, f.Field), "%s", f.Message)
	}
	if old == nil {
		return judged("webhook", name, false, nil, next.ProjectID, func(ctx context.Context) (string, error) {
			w, err := s.manager.Add(ctx, next)
			return w.ID, err //nolint:wrapcheck // The manager says what was done.
		})
	}
	diff := differences(allOf(old.Config), allOf(next), "secret", "headers", "client_key")
	return judged("webhook", name, true, diff, next.ProjectID, func(ctx context.Context) (string, error) {
		_, err := s.manager.Update(ctx, old.ID, 0, func(cfg *alma.WebhookConfig) error {
			*cfg = next
			return nil
		})
		return old.ID, err //nolint:wrapcheck // As above.
	})
}

// inherit takes over what a declaration may leave to others: secrets, and
// whether the webhook is paused.
func inherit(next, old *alma.WebhookConfig) {
	if next.Secret == "" && !next.Unsigned && !next.SendsMail() {
		next.Secret, next.Unsigned = old.Secret, old.Unsigned
	}
	if next.ClientKey == "" && next.ClientCertificate != "" {
		next.ClientKey = old.ClientKey
	}
	if next.Active == nil {
		next.Active = old.Active
	}
}

// allOf returns the settings as they were given, what is secret included.
func allOf(cfg alma.WebhookConfig) map[string]json.RawMessage {
	raw, err := json.Marshal(cfg)
	if err != nil {
		panic(fmt.Sprintf("settings that were read cannot be written: %v", err)) // The recovery answers 500.
	}
	all := maps.Collect(members(raw))
	all["secret"], _ = json.Marshal(cfg.Secret)        //nolint:errchkjson // A text.
	all["client_key"], _ = json.Marshal(cfg.ClientKey) //nolint:errchkjson // A text.
	return all
}
