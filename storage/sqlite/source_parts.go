package sqlite

import (
	"encoding/json"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/secret"
)

// sourcesTable names sources in the context of sealed secrets.
const sourcesTable = "alma_sources"

// splitSource prepares a source for its row: its settings, and the envelope
// around its secrets.
func (s *Store) splitSource(src *alma.Source) (settings string, envelope []byte, err error) {
	shown, secrets, err := src.Split()
	if err != nil {
		return "", nil, err
	}
	text, err := json.Marshal(secrets) //nolint:gosec // To be put into an envelope.
	if err != nil {
		return "", nil, fmt.Errorf("write the secrets of source %s: %w", src.Name, err)
	}
	return string(shown), s.keyring.Seal(text, secret.Row(sourcesTable, src.Name)), nil
}

// joinSource fills in what splitSource took apart.
func (s *Store) joinSource(src *alma.Source, settings string, envelope []byte) error {
	var secrets alma.SourceSecrets
	if err := s.openJSON(envelope, secret.Row(sourcesTable, src.Name), &secrets); err != nil {
		return fmt.Errorf("the secrets of source %s: %w", src.Name, err)
	}
	return src.Join([]byte(settings), secrets)
}
