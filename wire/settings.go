package wire

import (
	"slices"

	"github.com/alma-events/alma"
)

// refuseForeign notes settings that only other formats have. own are the names
// of those that this one has.
func refuseForeign(f *alma.Faults, cfg alma.WebhookConfig, own ...string) {
	for _, s := range []struct {
		name string
		set  bool
		of   string
	}{
		{"challenge", cfg.Challenge, "alma (exlibris always asks)"},
		{"omit_null", cfg.OmitNull, "exlibris"},
		{"content_mode", cfg.ContentMode != "", "cloudevents"},
		{"signature", cfg.Signature == alma.SignatureEd25519, "standard and cloudevents"},
	} {
		if s.set && !slices.Contains(own, s.name) {
			f.Addf(s.name, "exists in format %s only; leave it out", s.of)
		}
	}
}

// oldest returns the secret that a format with room for one signature uses.
func oldest(secrets []string) string { return secrets[len(secrets)-1] }
