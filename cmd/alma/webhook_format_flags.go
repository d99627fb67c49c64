package main

import (
	"fmt"
	"os"
)

// formatFlags are settings of a webhook that some formats have, and what it
// shows to listeners.
type formatFlags struct {
	ContentType *string `help:"json, or xml with --format exlibris." placeholder:"json"`
	OmitNull    *bool   `help:"With --format exlibris: leave null members out." negatable:""`
	ContentMode *string `help:"With --format cloudevents: structured or binary." placeholder:"structured"`
	Signature   *string `help:"hmac-sha256, or ed25519 with --format standard and cloudevents." placeholder:"hmac-sha256"`
	Challenge   *bool   `help:"With --format alma: the listener must answer a challenge first." negatable:""`
	BulkLimit   *int64  `help:"Do not send events of batch jobs with more records; 0 for no limit." placeholder:"0"`
	ClientCert  string  `help:"Show this certificate (PEM) to listeners that ask for one." placeholder:"FILE"`
	ClientKey   string  `help:"The certificate's key (PEM)." placeholder:"FILE"`
}

func (f *formatFlags) into(b map[string]any) error {
	setValue(b, "content_type", f.ContentType)
	setValue(b, "omit_null", f.OmitNull)
	setValue(b, "content_mode", f.ContentMode)
	setValue(b, "signature", f.Signature)
	setValue(b, "challenge", f.Challenge)
	setValue(b, "bulk_limit", f.BulkLimit)
	if (f.ClientCert == "") != (f.ClientKey == "") {
		return usagef("a client certificate needs both --client-cert and --client-key; one of them is missing")
	}
	if f.ClientCert == "" {
		return nil
	}
	for name, file := range map[string]string{"client_certificate": f.ClientCert, "client_key": f.ClientKey} {
		pem, err := os.ReadFile(file) //nolint:gosec // The user names the file.
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", name, err)
		}
		b[name] = string(pem)
	}
	return nil
}
