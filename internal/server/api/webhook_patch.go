package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/alma-events/alma"
)

// decodeConfig reads settings. Where members are unknown or of a wrong type,
// the others are still checked, so that every fault is told at once.
func decodeConfig(body []byte) (alma.WebhookConfig, *faultList) {
	faults := &faultList{}
	var cfg alma.WebhookConfig
	if kind := kindOf(space(body)); space(body)[0] != '{' {
		faults.addf("", "is %s; want an object", kind)
		return cfg, faults
	}
	err := cfg.UnmarshalJSON(body)
	if err == nil {
		return cfg, faults
	}
	faults.merge("", err)
	rest := maps.Collect(members(body))
	maps.DeleteFunc(rest, func(name string, _ json.RawMessage) bool { return faults.known[name] })
	if err := cfg.UnmarshalJSON(marshalMembers(rest)); err == nil {
		faults.merge("", cfg.Validate())
	}
	return cfg, faults
}

// patchWebhook merges a patch into the settings as they were given (RFC 7396):
// null takes a setting back to its default. Only a null secret has a meaning of
// its own, unsigned; the secret stays where the patch does not name it.
func (s *Server) patchWebhook(c *call) error {
	patch, err := c.readJSON(maxBody)
	if err != nil {
		return err
	}
	if err := c.mayPatch(patch); err != nil {
		return err
	}
	w, err := s.webhook(c)
	if err != nil {
		return err
	}
	w, err = s.manager.Update(c.r.Context(), w.ID, c.wanted(), func(cfg *alma.WebhookConfig) error {
		return c.edit(cfg, patch)
	})
	if err != nil {
		return c.stale(err)
	}
	return s.replyWebhook(c, w.ID)
}

// mayPatch refuses what is no patch, and a patch that names another project.
func (c *call) mayPatch(patch []byte) error {
	if kind := kindOf(space(patch)); space(patch)[0] != '{' {
		return fault("", "is %s; want an object with the settings to change", kind)
	}
	for name, value := range members(patch) {
		if name == "project_id" && value[0] == '"' {
			if err := c.mayNameProject(text(value)); err != nil {
				return err
			}
		}
	}
	return nil
}

// edit applies a patch to settings.
func (c *call) edit(cfg *alma.WebhookConfig, patch []byte) error {
	given, err := json.Marshal(*cfg)
	if err != nil {
		return fmt.Errorf("alma: patch webhook: %w", err)
	}
	next, faults := decodeConfig(mergeSettings(given, patch))
	if err := faults.err(); err != nil {
		return err
	}
	if next.Secret == "" && !next.Unsigned {
		next.Secret = cfg.Secret
	}
	if next.ProjectID, err = c.project(next.ProjectID); err != nil {
		return err
	}
	*cfg = next
	return nil
}

// retrySettings are those that retry_schedule replaces.
var retrySettings = []string{"retry_count", "retry_delay", "retry_backoff"}

// mergeSettings merges a patch into settings. Headers are the one member that
// is merged in depth: all others are values or lists.
func mergeSettings(given, patch []byte) []byte {
	merged := maps.Collect(members(given))
	changed := map[string]bool{}
	for name, value := range members(patch) {
		switch {
		case name == "headers" && space(value)[0] == '{':
			value = mergeHeaders(merged[name], value)
		case name == "secret" && isNull(value):
			// Kept as null, which means unsigned, and not removed.
		case isNull(value):
			delete(merged, name)
			continue
		}
		merged[name], changed[name] = value, true
	}
	replaceRetries(merged, changed)
	return marshalMembers(merged)
}

// replaceRetries lets the way of retrying that a patch names replace the other
// one, instead of clashing with it.
func replaceRetries(merged map[string]json.RawMessage, changed map[string]bool) {
	three := slices.ContainsFunc(retrySettings, func(name string) bool { return changed[name] })
	switch schedule := changed["retry_schedule"]; {
	case schedule && !three:
		for _, name := range retrySettings {
			delete(merged, name)
		}
	case three && !schedule:
		delete(merged, "retry_schedule")
	}
}

func mergeHeaders(given, patch []byte) json.RawMessage {
	merged := map[string]json.RawMessage{}
	if len(given) > 0 && !isNull(given) {
		merged = maps.Collect(members(given))
	}
	for name, value := range members(patch) {
		if isNull(value) {
			delete(merged, name)
			continue
		}
		merged[name] = value
	}
	return marshalMembers(merged)
}

func marshalMembers(m map[string]json.RawMessage) []byte {
	b, _ := json.Marshal(m) //nolint:errchkjson // The members came from valid JSON.
	return b
}

func isNull(raw []byte) bool { return bytes.Equal(bytes.TrimSpace(raw), []byte("null")) }
