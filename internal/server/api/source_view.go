package api

import (
	"encoding/json"
	"time"

	"github.com/alma-events/alma"
)

type sourceInput struct {
	Name        string          `json:"name" doc:"Part of the URL /in/{name}: 1 to 64 lower-case letters, digits, _ and -, beginning with a letter or digit."`
	Format      alma.Format     `json:"format,omitempty" doc:"The wire format in which the sender writes and signs; alma by default."`
	Secret      json.RawMessage `json:"secret,omitempty" doc:"What the sender signs with; generated if left out; null: anyone who reaches the URL can append."`
	ProjectID   string          `json:"project_id,omitempty" doc:"Puts all that comes in into this project, whatever the sender says."`
	Description string          `json:"description,omitempty" doc:"For people."`
}

// sourceView is a source as answers show it.
type sourceView struct {
	Name        string      `json:"name"`
	URL         string      `json:"url" doc:"The path that the sender posts to."`
	Format      alma.Format `json:"format"`
	Secret      *string     `json:"secret,omitempty" doc:"Only in the answers that create the source or rotate its secret."`
	SecretHint  string      `json:"secret_hint" doc:"The last four characters of a secret of at least 12; else empty."`
	Signed      bool        `json:"signed" doc:"False: anyone who reaches the URL can append."`
	FormerUntil *time.Time  `json:"former_secret_until" nullable:"true" doc:"Until then the former secret is taken too; null outside a rotation."`
	ProjectID   string      `json:"project_id"`
	Description string      `json:"description"`
	CreatedAt   time.Time   `json:"created_at"`
	UpdatedAt   time.Time   `json:"updated_at"`
}

func viewSource(src *alma.Source, now time.Time) sourceView {
	v := sourceView{
		Name: src.Name, URL: "/in/" + src.Name, Format: src.Format, SecretHint: secretHint(src.Secret), Signed: !src.Unsigned,
		ProjectID: src.ProjectID, Description: src.Description, CreatedAt: src.CreatedAt.UTC(), UpdatedAt: src.UpdatedAt.UTC(),
	}
	if src.FormerSecret != "" && now.Before(src.FormerUntil) {
		v.FormerUntil = timeOrNull(src.FormerUntil)
	}
	return v
}

// shown adds the secret, for the answers that make it.
func (v sourceView) shown(secret string) sourceView {
	if secret != "" {
		v.Secret = &secret
	}
	return v
}
