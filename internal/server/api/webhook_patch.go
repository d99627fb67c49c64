package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// decodeConfig reads settings. Where members are unknown or of a wrong type,
// the others are still read, so that refuseConfig can tell every fault at once.
// stored are the headers that a mask may stand for.
func decodeConfig(body []byte, stored map[string]string) (alma.WebhookConfig, *faultList) {
	faults := &faultList{}
	var cfg alma.WebhookConfig
	for name := range members(body) {
		if shownOfWebhook[name] {
			faults.addUnknown("", name)
		}
	}
	if err := cfg.UnmarshalJSON(body); err != nil {
		faults.merge("", err)
		cfg = decodeRest(faults, body)
	}
	checkMasks(faults, cfg.Headers, stored)
	return cfg, faults
}

// decodeRest reads the settings that have no fault yet.
func decodeRest(faults *faultList, body []byte) alma.WebhookConfig {
	var cfg alma.WebhookConfig
	rest := maps.Collect(members(body))
	maps.DeleteFunc(rest, func(name string, _ json.RawMessage) bool { return faults.known[name] })
	if err := cfg.UnmarshalJSON(marshalMembers(rest)); err != nil {
		faults.merge("", err)
	}
	return cfg
}

// refuseConfig returns the faults of settings, if there are any. Settings that
// have some do not reach the manager's Add or Update: what those would find is
// added here, so that all is told at once.
func refuseConfig(m *webhook.Manager, faults *faultList, cfg *alma.WebhookConfig) error {
	if faults.err() == nil {
		return nil
	}
	faults.merge("", m.Validate(*cfg))
	return faults.err()
}

// checkMasks refuses a mask that stands for nothing: it would be sent as it is.
func checkMasks(faults *faultList, headers, stored map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if _, known := stored[name]; headers[name] == webhook.Masked && !known {
			faults.addf("headers."+name, "is the mask of a value, but no such header is stored; want the value itself")
		}
	}
}

// patchWebhook merges a patch into the settings as they were given (RFC 7396):
// null takes a setting back to its default. Only a null secret has a meaning of
// its own, unsigned; the secret stays where the patch does not name it.
func (s *Server) patchWebhook(c *call) error {
	patch, err := c.readPatch()
	if err != nil {
		return err
	}
	w, err := s.webhook(c)
	if err != nil {
		return err
	}
	var faults faultList
	rest := changes(&faults, patch, shownOfWebhook, map[string]any{
		"id": w.ID, "state": string(w.State), "signed": w.Config.Secret != "",
	})
	var was alma.WebhookConfig
	w, err = s.manager.Update(c.r.Context(), w.ID, c.wanted(), func(cfg *alma.WebhookConfig) error {
		was = *cfg
		return c.edit(s.manager, &faults, cfg, rest)
	})
	if err != nil {
		return c.stale(err)
	}
	if err := c.differences(was, w.Config); err != nil {
		return err
	}
	return s.replyWebhook(c, w.ID)
}

// edit applies changes to settings.
func (c *call) edit(m *webhook.Manager, faults *faultList, cfg *alma.WebhookConfig, changes map[string]json.RawMessage) error {
	given, err := json.Marshal(*cfg)
	if err != nil {
		return fmt.Errorf("alma: patch webhook: %w", err)
	}
	next, more := decodeConfig(mergeSettings(given, changes), cfg.Headers)
	faults.merge("", more.err())
	if next.ClientKey == "" && next.ClientCertificate != "" {
		next.ClientKey = cfg.ClientKey
	}
	if err := refuseConfig(m, faults, &next); err != nil {
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

// mergeSettings merges changes into settings. Headers are the one member that
// is merged in depth: all others are values or lists.
func mergeSettings(given []byte, changes map[string]json.RawMessage) []byte {
	merged := maps.Collect(members(given))
	changed := map[string]bool{}
	settings := fieldsOf(typeOf[Settings]())
	for name, value := range changes {
		_, isSetting := settings[name]
		switch {
		case name == "headers" && value[0] == '{':
			value = mergeHeaders(merged[name], value)
		case isNull(value) && isSetting: // A null secret is kept: it means unsigned. So is what is no setting at all.
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
