package alma

import (
	"encoding/json"
	"fmt"
	"time"
)

// SourceSecrets are the parts of a source that nobody else may read; see
// [WebhookSecrets].
type SourceSecrets struct {
	Secret       string `json:"secret,omitempty"`
	FormerSecret string `json:"former_secret,omitempty"`
}

// sourceSettings is the rest, as drivers store it.
type sourceSettings struct {
	Format      Format    `json:"format"`
	Unsigned    bool      `json:"unsigned,omitempty"`
	ProjectID   string    `json:"project_id,omitempty"`
	Description string    `json:"description,omitempty"`
	FormerUntil time.Time `json:"former_until,omitzero"`
}

// Split returns the settings as JSON without anything secret, and what was
// left out. Name and times are not part of it. Join is the reverse.
func (s *Source) Split() (settings []byte, secrets SourceSecrets, err error) {
	secrets = SourceSecrets{Secret: s.Secret, FormerSecret: s.FormerSecret}
	settings, err = json.Marshal(sourceSettings{
		Format: s.Format, Unsigned: s.Unsigned, ProjectID: s.ProjectID, Description: s.Description,
		FormerUntil: s.FormerUntil.UTC().Round(0),
	})
	if err != nil {
		return nil, secrets, fmt.Errorf("alma: write the settings of source %s: %w", s.Name, err)
	}
	return settings, secrets, nil
}

// Join fills in the settings that Split returned.
func (s *Source) Join(settings []byte, secrets SourceSecrets) error {
	var stored sourceSettings
	if err := json.Unmarshal(settings, &stored); err != nil {
		return fmt.Errorf("alma: read the settings of source %s: %w", s.Name, err)
	}
	s.Format, s.Unsigned, s.ProjectID, s.Description = stored.Format, stored.Unsigned, stored.ProjectID, stored.Description
	s.Secret, s.FormerSecret, s.FormerUntil = secrets.Secret, secrets.FormerSecret, stored.FormerUntil
	return nil
}
