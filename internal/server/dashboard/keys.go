package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/alma-events/alma"
)

type keysPage struct {
	List   listing[alma.Key]
	Query  url.Values
	Own    string // The key of this session.
	Typed  url.Values
	Faults []alma.Fault
}

func showKeys(v *visit) error { return v.keys(http.StatusOK, keysPage{Typed: url.Values{}}) }

func (v *visit) keys(status int, p keysPage) error {
	p.Own, p.Query = v.key.ID, v.r.URL.Query()
	if _, err := list(v, "/v1/keys", url.Values{}, &p.List); err != nil {
		return err
	}
	v.renderStatus(status, "keys", "Keys", "/keys", p)
	return nil
}

func createKey(v *visit) error {
	form := v.r.PostForm
	var made struct {
		alma.Key
		Secret string `json:"key"`
	}
	body := map[string]any{"name": form.Get("name"), "role": form.Get("role"), "project_id": form.Get("project_id")}
	if limit := scaled(strings.TrimSpace(form.Get("rate_limit")), 1); limit != nil {
		body["rate_limit"] = limit
	}
	err := v.post("/v1/keys", body, &made)
	var p *problem
	if errors.As(err, &p) && p.Status == http.StatusUnprocessableEntity {
		return v.keys(p.Status, keysPage{Typed: form, Faults: p.Errors})
	}
	if err != nil {
		return v.refused("/keys", err)
	}
	return v.tell("/keys", flash{Good: true, Text: "The key " + made.Name + " was made.", Label: "The key, shown this once", Secret: made.Secret})
}

func removeKey(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.call(http.MethodDelete, "/v1/keys/"+url.PathEscape(id), nil, nil); err != nil {
		return v.refused("/keys", err)
	}
	if id == v.key.ID {
		return v.redirect("/signin")
	}
	return v.done("/keys", "The key was removed, and its sessions ended.")
}
