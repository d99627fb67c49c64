package alma

import (
	"context"
	"time"
	"unicode/utf8"
)

// Source is a foreign system that sends events to this one, at /in/{name}.
type Source struct {
	Name   string // Part of the URL: [a-z0-9][a-z0-9_-]{0,63}.
	Format Format
	Secret string // What the sender signs with; empty when Unsigned.
	// FormerSecret is taken too until FormerUntil: during a rotation.
	FormerSecret string
	FormerUntil  time.Time
	Unsigned     bool // Anyone who reaches the URL can append.
	// ProjectID puts all that comes in into one project, whatever the sender
	// says; empty for what the body says.
	ProjectID   string
	Description string
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// MaxSourceName is the most bytes that a source's name has.
const MaxSourceName = 64

// Validate returns a [*ValidationError] with every fault that can be seen
// without the format.
func (s *Source) Validate() error {
	var f Faults
	if !isSourceName(s.Name) {
		f.Addf("name", "%s cannot be part of the URL /in/…; want 1 to %d lower-case letters, digits, \"_\" and \"-\", beginning with a letter or digit", quoteShort(s.Name), MaxSourceName)
	}
	switch {
	case s.Unsigned && s.Secret != "":
		f.Addf("secret", "given, although the source is said to be unsigned; want one of the two")
	case !s.Unsigned && s.Secret == "":
		f.Addf("secret", "missing: want what the sender signs with, or null to take what anyone sends")
	case len(s.Secret) > MaxSecretBytes:
		f.Addf("secret", "has %d bytes; at most %d are taken", len(s.Secret), MaxSecretBytes)
	case !utf8.ValidString(s.Secret):
		f.Addf("secret", "want UTF-8 text")
	}
	checkName(&f, "project_id", s.ProjectID)
	checkText(&f, "description", s.Description, MaxDescription)
	return f.Err()
}

func isSourceName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLower(c) && !isDigit(c) && (i == 0 || c != '_' && c != '-') {
			return false
		}
	}
	return s != "" && len(s) <= MaxSourceName
}

// Secrets returns the secrets that are taken at a time, the newest first.
func (s *Source) Secrets(now time.Time) []string {
	w := Webhook{Config: WebhookConfig{Secret: s.Secret}, FormerSecret: s.FormerSecret, FormerUntil: s.FormerUntil}
	return w.Secrets(now)
}

// SourceStore keeps inbound sources. Secrets are kept as those of webhooks are.
type SourceStore interface {
	// CreateSource stores a new source; ErrConflict when the name is taken.
	CreateSource(ctx context.Context, s Source) (Source, error)
	// UpdateSource replaces a source; ErrNotFound when there is none of the name.
	UpdateSource(ctx context.Context, s Source) (Source, error)
	// DeleteSource removes a source; what it has sent stays. ErrNotFound when
	// there is none of the name.
	DeleteSource(ctx context.Context, name string) error
	// Source returns one source, or ErrNotFound.
	Source(ctx context.Context, name string) (Source, error)
	// Sources returns all sources, oldest first.
	Sources(ctx context.Context) ([]Source, error)
}
