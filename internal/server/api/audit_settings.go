package api

import (
	"maps"
	"reflect"
	"slices"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// differences notes which settings a patch has changed, as they take effect:
// who reads a webhook, changes a member and sends all of it back has changed
// that member.
func (c *call) differences(was, is alma.WebhookConfig) error {
	before, err := viewSettings(effective(was))
	if err != nil {
		return err
	}
	after, err := viewSettings(effective(is))
	if err != nil {
		return err
	}
	c.members = nil
	old, now := reflect.ValueOf(before), reflect.ValueOf(after)
	for name, i := range fieldsOf(old.Type()) {
		if name != "headers" && !reflect.DeepEqual(old.Field(i).Interface(), now.Field(i).Interface()) {
			c.members = append(c.members, name)
		}
	}
	for name, changed := range map[string]bool{
		"headers": !maps.Equal(was.Headers, is.Headers), "secret": was.Secret != is.Secret, "client_key": was.ClientKey != is.ClientKey,
	} {
		if changed {
			c.members = append(c.members, name)
		}
	}
	slices.Sort(c.members)
	return nil
}

// effective fills in the defaults of the format.
func effective(cfg alma.WebhookConfig) alma.WebhookConfig {
	if cfg.Format == "" {
		cfg.Format = alma.FormatAlma
	}
	if format, ok := wire.Lookup(cfg.Format); ok {
		return cfg.WithDefaults(format.Defaults())
	}
	return cfg
}
