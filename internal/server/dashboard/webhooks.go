package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// webhookView is a webhook as the API shows it.
type webhookView struct {
	ID           string        `json:"id"`
	URL          string        `json:"url"`
	Description  string        `json:"description"`
	Format       string        `json:"format"`
	Events       []string      `json:"events"`
	ProjectID    string        `json:"project_id"`
	State        string        `json:"state"`
	StateReason  string        `json:"state_reason"`
	Health       string        `json:"health"`
	Lag          int64         `json:"lag"`
	LagSeconds   float64       `json:"lag_seconds"`
	FailingSince *time.Time    `json:"failing_since"`
	Waiting      int           `json:"waiting"`
	InFlight     int           `json:"in_flight"`
	Expired      int64         `json:"expired"`
	Erased       int64         `json:"erased"`
	Lost         int64         `json:"lost"`
	FilterErrors int64         `json:"filter_errors"`
	FilterError  string        `json:"filter_error"`
	Signed       bool          `json:"signed"`
	SecretHint   string        `json:"secret_hint"`
	PublicKey    string        `json:"public_key"`
	Secret       *string       `json:"secret"`
	FormerUntil  *time.Time    `json:"former_secret_until"`
	Consent      *alma.Consent `json:"consent"` // Nil before, and where the format asks for none.
	Version      int64         `json:"version"`
	CreatedAt    time.Time     `json:"created_at"`
	UpdatedAt    time.Time     `json:"updated_at"`

	settings map[string]json.RawMessage // Every member, for the form.
}

// UnmarshalJSON keeps the settings as they came, too.
func (w *webhookView) UnmarshalJSON(b []byte) error {
	type plain webhookView
	if err := json.Unmarshal(b, (*plain)(w)); err != nil {
		return fmt.Errorf("alma: dashboard: read a webhook: %w", err)
	}
	if err := json.Unmarshal(b, &w.settings); err != nil {
		return fmt.Errorf("alma: dashboard: read a webhook: %w", err)
	}
	return nil
}

// Name is what people know the webhook by.
func (w webhookView) Name() string {
	if w.Description != "" {
		return w.Description
	}
	return w.URL
}

type webhooksPage struct {
	List     listing[webhookView]
	Filters  []filter
	Query    url.Values
	Filtered bool
	Faults   []alma.Fault
}

func showWebhooks(v *visit) error {
	p := webhooksPage{Query: v.r.URL.Query()}
	var query url.Values
	p.Filters, query = v.read([]filter{{Name: "project_id", Label: "Project"}})
	p.Filtered = len(query) > 0
	var err error
	if p.Faults, err = list(v, "/v1/webhooks", query, &p.List); err != nil {
		return err
	}
	return v.render("webhooks", "Webhooks", "/webhooks", p)
}

// reasonCount is how many of the last failures had a reason.
type reasonCount struct {
	Reason, Example string // The newest error.
	Count           int
	Delivery        string // Its delivery.
	Status          string // How that stands now.
}

type webhookPage struct {
	Webhook  webhookView
	Settings []settingLine
	Recent   []delivery
	Reasons  []reasonCount
	Counted  int  // The deliveries whose errors are counted.
	Most     bool // There are more of them.
	Replays  []replay
	Now      time.Time
	Replay   typedForm
	Rotate   typedForm
}

// typedForm keeps what was typed when it was refused.
type typedForm struct {
	Typed  url.Values
	Faults []alma.Fault
}

// untouched are the forms of a webhook's page as they are shown at first.
func untouched() (replay, rotate typedForm) {
	return typedForm{Typed: url.Values{}}, typedForm{Typed: url.Values{"overlap": {"24"}}}
}

// settingLine is a setting as it takes effect.
type settingLine struct{ Label, Value string }

func showWebhook(v *visit) error {
	replay, rotate := untouched()
	return v.webhook(http.StatusOK, replay, rotate)
}

// webhook shows one webhook and how it does.
func (v *visit) webhook(status int, replaying, rotating typedForm) error {
	p := webhookPage{Now: time.Now().UTC(), Replay: replaying, Rotate: rotating}
	id := v.r.PathValue("id")
	if err := v.get("/v1/webhooks/"+url.PathEscape(id), nil, &p.Webhook); err != nil {
		return err
	}
	var recent listing[delivery]
	if err := v.get("/v1/deliveries", url.Values{"webhook_id": {id}, "limit": {"10"}}, &recent); err != nil {
		return err
	}
	if err := p.countReasons(v, id); err != nil {
		return err
	}
	var replays listing[replay]
	if err := v.get("/v1/replays", url.Values{"webhook_id": {id}, "limit": {"5"}}, &replays); err != nil {
		return err
	}
	p.Recent, p.Replays = recent.Items, replays.Items
	p.Settings = settingLines(&p.Webhook)
	v.self = "/webhooks/" + url.PathEscape(id)
	v.renderStatus(status, "webhook", p.Webhook.Name(), "/webhooks", p)
	return nil
}

// countReasons counts the errors of the newest deliveries that failed, or are
// tried again, however many have succeeded since.
func (p *webhookPage) countReasons(v *visit, id string) error {
	var all []delivery
	for _, status := range []alma.DeliveryStatus{alma.StatusFailed, alma.StatusPending} {
		var page listing[delivery]
		if err := v.get("/v1/deliveries", url.Values{"webhook_id": {id}, "status": {string(status)}, "limit": {"200"}}, &page); err != nil {
			return err
		}
		all = append(all, page.Items...)
		p.Most = p.Most || page.Next != ""
	}
	slices.SortStableFunc(all, func(a, b delivery) int { return b.CreatedAt.Compare(a.CreatedAt) })
	p.Counted, p.Reasons = len(all), reasons(all)
	return nil
}

// reasons counts the last errors of deliveries; they come the newest first.
func reasons(list []delivery) []reasonCount {
	var out []reasonCount
	for i := range list {
		d := &list[i]
		if d.LastReason == "" {
			continue
		}
		at := slices.IndexFunc(out, func(r reasonCount) bool { return r.Reason == d.LastReason })
		if at < 0 {
			at, out = len(out), append(out, reasonCount{Reason: d.LastReason, Example: d.LastError, Delivery: d.ID, Status: d.Status})
		}
		out[at].Count++
	}
	slices.SortStableFunc(out, func(a, b reasonCount) int { return b.Count - a.Count })
	return out
}

// settingLines lists the settings that are in effect, for reading.
func settingLines(w *webhookView) []settingLine {
	var out []settingLine
	for _, group := range fieldGroups {
		for _, f := range group.Fields {
			if text := f.text(w.settings[f.Name]); text != "" && text != "false" && f.Kind != kindSecret {
				out = append(out, settingLine{f.Label, f.readable(text)})
			}
		}
	}
	return out
}

// readable writes the text of a setting with its unit.
func (f *field) readable(text string) string {
	seconds, err := strconv.ParseFloat(text, 64)
	switch {
	case f.Unit == "seconds" && err == nil:
		return spanText(time.Duration(seconds * float64(time.Second)))
	case f.Unit != "" && text == "1":
		text = "1 " + strings.TrimSuffix(f.Unit, "s")
	case f.Unit != "":
		text += " " + f.Unit
	}
	return strings.ReplaceAll(text, "\n", ", ")
}

// actOnWebhook pauses, resumes or activates.
func actOnWebhook(v *visit) error {
	path, action := "/webhooks/"+url.PathEscape(v.r.PathValue("id")), v.r.PathValue("action")
	told, known := map[string]string{"pause": "Paused. Its events wait in the log.", "resume": "Resumed, from where it stopped.", "activate": "The handshake has passed: deliveries run."}[action]
	if !known {
		return &problem{Status: 404, Detail: "There is no such page."}
	}
	var w webhookView
	if err := v.post("/v1"+path+"/"+action, nil, &w); err != nil {
		return v.refused(path, err)
	}
	if w.State == string(alma.StatePending) {
		return v.tell(path, flash{Text: "The handshake has not passed: " + sentence(w.StateReason)})
	}
	return v.done(path, told)
}

// testWebhook sends a synthetic event and shows the attempt.
func testWebhook(v *visit) error {
	path := "/webhooks/" + url.PathEscape(v.r.PathValue("id"))
	var a attempt
	if err := v.post("/v1"+path+"/test", nil, &a); err != nil {
		return v.refused(path, err)
	}
	text := "The listener took the test event."
	if a.Reason != "" {
		text = "The test event was not delivered."
	}
	return v.tell(path, flash{Good: a.Reason == "", Text: text, Attempt: &a})
}

func rotateSecret(v *visit) error {
	path := "/webhooks/" + url.PathEscape(v.r.PathValue("id"))
	body := map[string]any{}
	if secret := v.r.PostForm.Get("secret"); secret != "" {
		body["secret"] = secret
	}
	if hours := strings.TrimSpace(v.r.PostForm.Get("overlap")); hours != "" {
		body["overlap"] = scaled(hours, 3600)
	}
	var w webhookView
	err := v.post("/v1"+path+"/rotate-secret", body, &w)
	var p *problem
	if errors.As(err, &p) && p.Status == http.StatusUnprocessableEntity {
		replaying, _ := untouched()
		return v.webhook(p.Status, replaying, typedForm{Typed: v.r.PostForm, Faults: p.Errors})
	}
	if err != nil {
		return v.refused(path, err)
	}
	text := "The secret was replaced."
	if w.FormerUntil != nil {
		text = "The secret was replaced; the former one is used too until " + moment(w.FormerUntil) + " UTC."
	}
	return v.tell(path, secretFlash(text, &w))
}

// secretFlash tells a secret once.
func secretFlash(text string, w *webhookView) flash {
	f := flash{Good: true, Text: text}
	if w.Secret != nil && *w.Secret != "" {
		f.Label, f.Secret = "The secret, shown this once: give it to the listener", *w.Secret
	}
	return f
}

func removeWebhook(v *visit) error {
	path := "/webhooks/" + url.PathEscape(v.r.PathValue("id"))
	if v.r.PostForm.Get("sure") == "" {
		return v.tell(path, flash{Text: "It was not removed: tick the box to say that you mean it."})
	}
	if err := v.call("DELETE", "/v1"+path, nil, nil); err != nil {
		return v.refused(path, err)
	}
	return v.done("/webhooks", "The webhook was removed; its pending deliveries count as failed.")
}

// startReplay sends again what the log holds, and goes on to the progress.
func startReplay(v *visit) error {
	id, form := v.r.PathValue("id"), v.r.PostForm
	body := map[string]any{}
	for _, name := range []string{"since", "until"} {
		if text := strings.TrimSpace(form.Get(name)); text != "" {
			body[name] = timeParam(text)
		}
	}
	if status := form.Get("status"); status != "" {
		body["status"] = status
	}
	var made replay
	err := v.post("/v1/webhooks/"+url.PathEscape(id)+"/replay", body, &made)
	var p *problem
	if errors.As(err, &p) && p.Status == http.StatusUnprocessableEntity {
		_, rotating := untouched()
		return v.webhook(p.Status, typedForm{Typed: form, Faults: p.Errors}, rotating)
	}
	if err != nil {
		return v.refused("/webhooks/"+url.PathEscape(id), err)
	}
	return v.redirect("/replays/" + url.PathEscape(made.ID))
}
