package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// source is a foreign system that sends events here.
type source struct {
	Name        string     `json:"name"`
	URL         string     `json:"url"`
	Format      string     `json:"format"`
	Secret      *string    `json:"secret"`
	SecretHint  string     `json:"secret_hint"`
	Signed      bool       `json:"signed"`
	FormerUntil *time.Time `json:"former_secret_until"`
	ProjectID   string     `json:"project_id"`
	Description string     `json:"description"`
	CreatedAt   time.Time  `json:"created_at"`
}

type sourcesPage struct {
	List   listing[source]
	Query  url.Values
	Typed  url.Values
	Faults []alma.Fault
}

func showSources(v *visit) error {
	return v.sources(http.StatusOK, sourcesPage{Typed: url.Values{}})
}

func (v *visit) sources(status int, p sourcesPage) error {
	p.Query = v.r.URL.Query()
	if _, err := list(v, "/v1/sources", url.Values{}, &p.List); err != nil {
		return err
	}
	v.renderStatus(status, "sources", "Sources", "/sources", p)
	return nil
}

func createSource(v *visit) error {
	form := v.r.PostForm
	body := map[string]any{"name": strings.TrimSpace(form.Get("name")), "format": form.Get("format"), "project_id": form.Get("project_id"), "description": form.Get("description")}
	switch secret := form.Get("secret"); {
	case form.Get("unsigned") == "true":
		body["secret"] = nil
	case secret != "":
		body["secret"] = secret
	}
	var made source
	err := v.post("/v1/sources", body, &made)
	var p *problem
	if errors.As(err, &p) && (p.Status == http.StatusUnprocessableEntity || p.Status == http.StatusConflict) {
		faults := p.Errors
		if p.Status == http.StatusConflict {
			faults = []alma.Fault{{Field: "name", Message: p.Detail}}
		}
		return v.sources(p.Status, sourcesPage{Typed: form, Faults: faults})
	}
	if err != nil {
		return v.refused("/sources", err)
	}
	return v.tell("/sources", sourceFlash("The source was made: point its sender at "+made.URL+" of this server.", &made))
}

func sourceFlash(text string, made *source) flash {
	f := flash{Good: true, Text: text}
	if made.Secret != nil && *made.Secret != "" {
		f.Label, f.Secret = "The secret, shown this once: give it to the sender", *made.Secret
	}
	return f
}

// rotateSource gives a source a new secret; the former one is taken too for a
// day.
func rotateSource(v *visit) error {
	const overlap = 24 * time.Hour
	var made source
	err := v.post("/v1/sources/"+url.PathEscape(v.r.PathValue("name"))+"/rotate-secret", map[string]any{"overlap": overlap.Seconds()}, &made)
	if err != nil {
		return v.refused("/sources", err)
	}
	return v.tell("/sources", sourceFlash("The secret of "+made.Name+" was replaced; the former one is taken too for a day.", &made))
}

func removeSource(v *visit) error {
	if err := v.call(http.MethodDelete, "/v1/sources/"+url.PathEscape(v.r.PathValue("name")), nil, nil); err != nil {
		return v.refused("/sources", err)
	}
	return v.done("/sources", "The source was removed. What it has sent stays.")
}
