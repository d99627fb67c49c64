package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/alma-events/alma"
)

// webhookForm is the form of a new webhook, or of the change of one.
type webhookForm struct {
	ID       string // Empty for a new one.
	Version  int64  // That the form was filled from.
	Groups   []formGroup
	Faults   []alma.Fault
	Notice   string // What is wrong with the whole.
	Conflict bool   // Somebody else was quicker.
}

func newWebhook(v *visit) error {
	if !v.may() {
		return errMayNot
	}
	defaults := func(f *field) string {
		if f.Kind == kindChoice {
			return f.Options[0]
		}
		return v.r.FormValue(f.Name)
	}
	return v.render("webhook_form", "New webhook", "/webhooks", webhookForm{Groups: layOut(true, nil, defaults, nil)})
}

var errMayNot = &problem{Status: http.StatusForbidden, Detail: "Your key may look at this, but not change it. Changes need a key of the role admin."}

// createWebhook registers a webhook. What is wrong is shown beside the fields,
// with everything that was typed.
func createWebhook(v *visit) error {
	form := v.r.PostForm
	var w webhookView
	err := v.post("/v1/webhooks", settingsOf(form), &w)
	if err == nil {
		made := secretFlash(madeText(&w), &w)
		made.Good = w.State != string(alma.StatePending)
		return v.tell("/webhooks/"+url.PathEscape(w.ID), made)
	}
	page := webhookForm{}
	if err := page.refuse(err); err != nil {
		return err
	}
	page.Groups = layOut(true, page.Faults, func(f *field) string { return form.Get(f.Name) }, nil)
	v.formStatus(err, "New webhook", page)
	return nil
}

// madeText says what became of a new webhook, and of its handshake.
func madeText(w *webhookView) string {
	switch {
	case w.State == string(alma.StatePending):
		return "The webhook was made, but its handshake has not passed: " + sentence(w.StateReason) + " Events wait until it has; activate it to ask again."
	case w.State == string(alma.StatePaused):
		return "The webhook was made, and is paused: its events wait until it is resumed."
	case w.Consent != nil:
		return "The webhook was made. Its handshake has passed: the listener agreed, and gets every event from now on."
	}
	return "The webhook was made, and gets every event from now on."
}

func editWebhook(v *visit) error {
	if !v.may() {
		return errMayNot
	}
	w, err := v.stored()
	if err != nil {
		return err
	}
	page := webhookForm{ID: w.ID, Version: w.Version}
	page.Groups = layOut(false, nil, func(f *field) string { return f.text(w.settings[f.Name]) }, nil)
	return v.render("webhook_form", "Edit webhook", "/webhooks", page)
}

func (v *visit) stored() (webhookView, error) {
	var w webhookView
	err := v.get("/v1/webhooks/"+url.PathEscape(v.r.PathValue("id")), nil, &w)
	return w, err
}

// saveWebhook stores what was changed, unless somebody else was quicker: then
// what they stored is shown beside what was typed.
func saveWebhook(v *visit) error {
	form := v.r.PostForm
	w, err := v.stored()
	if statusOf(err) == http.StatusServiceUnavailable {
		return v.keepTyped(err)
	}
	if err != nil {
		return err
	}
	version, _ := strconv.ParseInt(form.Get("version"), 10, 64)
	path := "/webhooks/" + url.PathEscape(w.ID)
	if version != w.Version {
		return v.conflict(&w)
	}
	patch := changesOf(form, &w)
	if len(patch) == 0 {
		return v.done(path, "Nothing was changed.")
	}
	patch["version"] = version
	var after webhookView
	err = v.call(http.MethodPatch, "/v1"+path, patch, &after)
	switch {
	case err == nil && after.State == string(alma.StatePending):
		return v.tell(path, flash{Text: "Saved. The handshake has not passed: " + sentence(after.StateReason)})
	case err == nil:
		return v.done(path, "Saved. Attempts from now on follow it.")
	case statusOf(err) == http.StatusPreconditionFailed:
		if w, err = v.stored(); err != nil {
			return err
		}
		return v.conflict(&w)
	}
	return v.keepTyped(err)
}

// conflict shows the form again, with what is stored now.
func (v *visit) conflict(w *webhookView) error {
	page := webhookForm{ID: w.ID, Version: w.Version, Conflict: true}
	page.Groups = layOut(false, nil, func(f *field) string { return v.r.PostForm.Get(f.Name) }, w)
	v.renderStatus(http.StatusConflict, "webhook_form", "Edit webhook", "/webhooks", page)
	return nil
}

// keepTyped shows the form again as it was sent, with what is wrong.
func (v *visit) keepTyped(err error) error {
	form := v.r.PostForm
	page := webhookForm{ID: v.r.PathValue("id")}
	page.Version, _ = strconv.ParseInt(form.Get("version"), 10, 64)
	if err := page.refuse(err); err != nil {
		return err
	}
	page.Groups = layOut(false, page.Faults, func(f *field) string { return form.Get(f.Name) }, nil)
	v.formStatus(err, "Edit webhook", page)
	return nil
}

// refuse notes what the API said of the form; it returns what no form can
// mend.
func (f *webhookForm) refuse(err error) error {
	var p *problem
	if !errors.As(err, &p) || p.Status == http.StatusUnauthorized || p.Status == http.StatusNotFound {
		return err
	}
	f.Faults, f.Notice = p.Errors, p.Detail
	if len(p.Errors) > 0 {
		f.Notice = "It was not saved: " + plural(len(p.Errors), "field") + " below want a look."
		if len(p.Errors) == 1 {
			f.Notice = "It was not saved: one field below wants a look."
		}
	}
	return nil
}

// address is where the form is found again.
func (f *webhookForm) address() string {
	if f.ID == "" {
		return "/webhooks/new"
	}
	return "/webhooks/" + url.PathEscape(f.ID) + "/edit"
}

func (v *visit) formStatus(err error, title string, page webhookForm) {
	status := statusOf(err)
	v.down, v.self = troubleOf(err), page.address()
	v.renderStatus(status, "webhook_form", title, "/webhooks", page)
}
