package sealed

import (
	"encoding/json"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/secret"
)

// SplitSource prepares a source for its row: its settings, and the envelope
// around its secrets.
func SplitSource(k *secret.Keyring, src *alma.Source) (settings string, envelope []byte, err error) {
	shown, secrets, err := src.Split()
	if err != nil {
		return "", nil, err //nolint:wrapcheck // It names the source.
	}
	text, err := json.Marshal(secrets) //nolint:gosec // To be put into an envelope.
	if err != nil {
		return "", nil, fmt.Errorf("write the secrets of source %s: %w", src.Name, err)
	}
	return string(shown), k.Seal(text, secret.Row(Sources, src.Name)), nil
}

// JoinSource fills in what SplitSource took apart. src.Name must be set.
func JoinSource(k *secret.Keyring, src *alma.Source, settings string, envelope []byte) error {
	var secrets alma.SourceSecrets
	if err := openJSON(k, envelope, secret.Row(Sources, src.Name), &secrets); err != nil {
		return fmt.Errorf("the secrets of source %s: %w", src.Name, err)
	}
	return src.Join([]byte(settings), secrets) //nolint:wrapcheck // It names the source.
}
