package api

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
	"github.com/alma-events/alma/wire"
)

// Settings are those of a webhook, in the names and units of
// [alma.WebhookConfig]'s JSON, which a test compares. Durations are seconds.
type Settings struct {
	URL           string               `json:"url" doc:"Where deliveries go: http or https, without credentials; http only for addresses that the operator allowed. Or mailto: and at most 20 e-mail addresses, separated by commas: operational events (ALMA_…), which must be named in events, go there as text, where this server knows a mail server."`
	Events        []alma.EventType     `json:"events" nullable:"false" doc:"Types to deliver; empty: all but the operational ones (ALMA_…)."`
	Format        alma.Format          `json:"format" doc:"The wire format; alma by default."`
	Signature     alma.SignatureScheme `json:"signature" doc:"hmac-sha256, or ed25519 in formats standard and cloudevents; empty: unsigned."`
	Headers       map[string]string    `json:"headers" doc:"Sent with each request. Values are never shown; a masked one that is sent back changes nothing."`
	RetryCount    *int                 `json:"retry_count" nullable:"true" doc:"Attempts after the first, at most 50; null where retry_schedule is set."`
	RetryDelay    *float64             `json:"retry_delay" nullable:"true" doc:"Seconds to the second attempt, at most 86400; null where retry_schedule is set."`
	RetryBackoff  *float64             `json:"retry_backoff" nullable:"true" doc:"Multiplies the wait with each further attempt, 1 to 100; null where retry_schedule is set."`
	RetrySchedule []float64            `json:"retry_schedule" nullable:"true" doc:"The waits in seconds; replaces the three above."`
	RetryJitter   float64              `json:"retry_jitter" doc:"Spreads each wait by up to this fraction of it, 0 to 1."`
	AgentFilter   []string             `json:"agent_filter" nullable:"false" doc:"Events of these agents only; empty: all."`
	ProjectFilter []string             `json:"project_filter" nullable:"false" doc:"Events of these projects only; empty: all."`
	TypeFilter    []alma.MemoryType    `json:"type_filter" nullable:"false" doc:"Events of these memory types only; empty: all."`
	Filter        string               `json:"filter" doc:"A CEL expression over the variable event."`
	Timeout       *float64             `json:"timeout" nullable:"true" doc:"Seconds for one whole exchange, at most 60."`
	BatchSize     *int                 `json:"batch_size" nullable:"true" doc:"Events in a request, 1 to 1000; over 1 the body is an array. 1 by default, and 50 for e-mail."`
	BatchDelay    *float64             `json:"batch_delay" nullable:"true" doc:"Seconds that a batch waits to fill, at most 3600. 1 by default, and 60 for e-mail."`
	MaxInFlight   *int                 `json:"max_in_flight" nullable:"true" doc:"Requests at once, 1 to 1000."`
	RateLimit     *float64             `json:"rate_limit" nullable:"true" doc:"Requests per second; null: no limit."`
	Ordered       bool                 `json:"ordered" doc:"Strictly one after another, in the order of the log."`
	MaxAge        *float64             `json:"max_age" nullable:"true" doc:"Seconds after which an event is counted instead of sent; null: no limit."`
	ProjectID     string               `json:"project_id" doc:"The owner: such a webhook sees events of this project alone."`
	Contacts      []string             `json:"contacts" nullable:"false" doc:"E-mail addresses to tell of failed deliveries."`
	BulkLimit     *int64               `json:"bulk_limit" nullable:"true" doc:"Suppresses events of jobs with more records; 0: never."`
	DisableAfter  *float64             `json:"disable_after" nullable:"true" doc:"Seconds of unbroken failure that disable the webhook; 0: never."`
	ContentType   string               `json:"content_type" doc:"json, or xml for the format exlibris."`
	OmitNull      bool                 `json:"omit_null" doc:"Format exlibris: leave null members out."`
	ContentMode   alma.ContentMode     `json:"content_mode" doc:"Format cloudevents: structured or binary."`
	Challenge     bool                 `json:"challenge" doc:"Format alma: the listener must answer a challenge before the first delivery."`
	Certificate   string               `json:"client_certificate" doc:"PEM chain that Alma shows to listeners which ask for one. Its key is set with client_key and never shown."`
	Active        *bool                `json:"active" nullable:"true" doc:"Whether deliveries run; false: paused."`
	Description   string               `json:"description" doc:"For people."`
	Name          string               `json:"name" doc:"By which a declaration (POST /v1/apply, or the config file) knows the webhook; empty for others."`
}

// webhookView is a webhook with its settings as they take effect.
type webhookView struct {
	ID string `json:"id"`
	Settings
	FormerUntil  *time.Time        `json:"former_secret_until" nullable:"true" doc:"The end of the overlap of the last rotation; until then the former secret is used too."`
	Consent      *alma.Consent     `json:"consent,omitempty" doc:"What the listener agreed to, where the format has a handshake; absent before."`
	Secret       *string           `json:"secret,omitempty" doc:"Only in the answers that create the webhook or rotate its secret."`
	SecretHint   string            `json:"secret_hint" doc:"The last four characters of a secret of at least 12; else empty."`
	Signed       bool              `json:"signed" doc:"Whether there is a secret."`
	PublicKey    string            `json:"public_key,omitempty" doc:"With a private key (whsk_…) as secret: the public one (whpk_…), with which listeners verify."`
	State        alma.WebhookState `json:"state" doc:"active, paused, pending_activation or disabled."`
	StateReason  string            `json:"state_reason"`
	Lag          int64             `json:"lag" doc:"Events that wait for their first attempt; an upper bound over 1000."`
	LagSeconds   float64           `json:"lag_seconds" doc:"How long the oldest of them has waited."`
	Health       webhook.Health    `json:"health" doc:"healthy, failing or dead."`
	FailingSince *time.Time        `json:"failing_since" nullable:"true"`
	Waiting      int               `json:"waiting" doc:"Deliveries that wait for a retry."`
	InFlight     int               `json:"in_flight" doc:"Requests under way."`
	Expired      int64             `json:"expired" doc:"Events not sent because of max_age."`
	Erased       int64             `json:"erased" doc:"Events not sent because their data were erased before."`
	Lost         int64             `json:"lost" doc:"Events given up because the webhook was further behind than is kept."`
	FilterErrors int64             `json:"filter_errors" doc:"Events for which the filter failed since the start."`
	FilterError  string            `json:"filter_error" doc:"The last of these failures."`
	Version      int64             `json:"version"`
	CreatedAt    time.Time         `json:"created_at"`
	UpdatedAt    time.Time         `json:"updated_at"`
}

func viewWebhook(st *webhook.Status) (webhookView, error) {
	shown, err := viewSettings(st.Effective)
	if err != nil {
		return webhookView{}, err
	}
	public, _ := wire.PublicKey(st.Config.Secret) // Most secrets are none.
	return webhookView{
		ID: st.ID, Settings: shown, PublicKey: public, SecretHint: secretHint(st.Config.Secret), Signed: st.Config.Secret != "",
		FormerUntil: formerUntil(&st.Webhook, time.Now()), Consent: st.Consent,
		State: st.State, StateReason: st.StateReason, Lag: st.Lag, LagSeconds: st.LagTime.Seconds(),
		Health: st.Health, FailingSince: timeOrNull(st.FailingSince), Waiting: st.Waiting, InFlight: st.InFlight,
		Expired: st.Expired, Erased: st.Erased, Lost: st.Lost, FilterErrors: st.FilterErrors, FilterError: st.FilterError,
		Version: st.Version, CreatedAt: st.CreatedAt.UTC(), UpdatedAt: st.UpdatedAt.UTC(),
	}, nil
}

// formerUntil returns the end of an overlap that lasts, or nil.
func formerUntil(w *alma.Webhook, now time.Time) *time.Time {
	if w.FormerSecret == "" || !now.Before(w.FormerUntil) {
		return nil
	}
	return timeOrNull(w.FormerUntil)
}

// viewSettings shows a configuration without what is secret in it. It goes
// through the configuration's own JSON, so that names and units are said once.
func viewSettings(cfg alma.WebhookConfig) (Settings, error) {
	var s Settings
	b, err := json.Marshal(cfg.Masked())
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return s, fmt.Errorf("alma: show webhook settings: %w", err)
	}
	if s.Headers == nil {
		s.Headers = map[string]string{}
	}
	s.Events, s.AgentFilter, s.ProjectFilter = orEmpty(s.Events), orEmpty(s.AgentFilter), orEmpty(s.ProjectFilter)
	s.TypeFilter, s.Contacts = orEmpty(s.TypeFilter), orEmpty(s.Contacts)
	return s, nil
}

const (
	hintChars  = 4
	hintSecret = 12 // Of a shorter secret the hint would give too much away.
)

func secretHint(secret string) string {
	if utf8.RuneCountInString(secret) < hintSecret {
		return ""
	}
	chars := []rune(secret)
	return string(chars[len(chars)-hintChars:])
}
