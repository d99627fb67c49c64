package api

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// publicKeyPrefix begins the public keys of Standard Webhooks.
const publicKeyPrefix = "whpk_"

// sourceCalls are about the foreign systems that post to /in/{name}.
func (s *Server) sourceCalls() []operation {
	const one = "/v1/sources/{id}"
	view := typeOf[sourceView]()
	return []operation{
		{
			method: http.MethodPost, path: "/v1/sources", roles: onlyRoot,
			summary: "Let a foreign system send events to /in/{name}. Its secret, given or generated, is shown in this answer.",
			body:    typeOf[sourceInput](), status: http.StatusCreated, result: view, handle: s.postSource,
		},
		{
			method: http.MethodGet, path: "/v1/sources", roles: reads, params: []param{paramProject, paramLimit, paramAfter}, summary: "List sources, the oldest first.",
			status: http.StatusOK, result: typeOf[list[sourceView]](), handle: s.listSources,
		},
		{method: http.MethodGet, path: one, roles: reads, summary: "One source, by its name.", status: http.StatusOK, result: view, handle: s.getSource},
		{method: http.MethodDelete, path: one, roles: onlyRoot, summary: "Remove a source; what it has sent stays.", status: http.StatusNoContent, handle: s.deleteSource},
		{method: http.MethodPost, path: one + "/rotate-secret", roles: onlyRoot, summary: "Replace a source's secret; the former one is taken too until the overlap ends. The new one is shown in this answer.", body: typeOf[rotation](), status: http.StatusOK, result: view, handle: s.rotateSource},
	}
}

func (s *Server) postSource(c *call) error {
	var in sourceInput
	faults, err := readBody(c, &in)
	if err != nil {
		return err
	}
	project, err := c.project(in.ProjectID)
	if err != nil {
		return err
	}
	src := alma.Source{Name: in.Name, Format: in.Format, ProjectID: project, Description: in.Description}
	if src.Format == "" {
		src.Format = alma.FormatAlma
	}
	given := readSourceSecret(faults, in.Secret, &src)
	format := sourceFormat(faults, src.Format)
	if format != nil && !given {
		src.Secret = format.NewSecret(alma.SignatureHMAC)
	}
	checkSource(faults, format, &src)
	if err := faults.err(); err != nil {
		return err
	}
	made, err := s.store.CreateSource(c.r.Context(), src)
	if err != nil {
		return fmt.Errorf("alma: create source: %w", err)
	}
	c.object = made.Name
	c.w.Header().Set("Location", c.op.path+"/"+made.Name)
	return c.reply(http.StatusCreated, viewSource(&made, time.Now()).shown(made.Secret))
}

// readSourceSecret reports whether the request says what the secret is: a text,
// or null for none.
func readSourceSecret(faults *faultList, raw json.RawMessage, src *alma.Source) (given bool) {
	switch {
	case len(raw) == 0:
		return false
	case raw[0] == 'n':
		src.Unsigned = true
	case raw[0] != '"':
		faults.addf("secret", "is %s; want a text, null for an unsigned source, or nothing to have one generated", kindOf(raw))
	default:
		if src.Secret = text(raw); src.Secret == "" {
			faults.addf("secret", "is empty; leave it out to have one generated, or say null for an unsigned source")
		}
	}
	return true
}

func sourceFormat(faults *faultList, name alma.Format) wire.Format {
	format, ok := wire.Lookup(name)
	if !ok {
		faults.addf("format", "this server does not know that format; want one of %s", strings.Join(knownFormats(), ", "))
	}
	return format
}

// checkSource notes what is wrong with a source. What its format asks of a
// secret is what it asks of a webhook's; except that a sender's public key
// serves to verify, too.
func checkSource(faults *faultList, format wire.Format, src *alma.Source) {
	faults.merge("", src.Validate())
	if format == nil {
		return
	}
	if key, ok := strings.CutPrefix(src.Secret, publicKeyPrefix); ok && (src.Format == alma.FormatStandard || src.Format == alma.FormatCloudEvents) {
		if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != ed25519.PublicKeySize {
			faults.addf("secret", "is no public key: want %s and %d bytes in Base64", publicKeyPrefix, ed25519.PublicKeySize)
		}
		return
	}
	var own alma.Faults
	format.Check(&own, alma.WebhookConfig{URL: "https://localhost", Format: src.Format, Secret: src.Secret, Unsigned: src.Unsigned})
	if invalidInput, ok := own.Err().(*alma.ValidationError); ok { //nolint:errorlint // Faults.Err returns nothing else.
		for _, f := range invalidInput.Faults {
			if f.Field == "secret" {
				faults.addf(f.Field, "%s", f.Message)
			}
		}
	}
}

func (s *Server) listSources(c *call) error {
	faults := c.queryFaults
	cursor := c.cursor(&faults)
	if err := c.refuseList(&faults, checkPlace); err != nil {
		return err
	}
	sources, err := s.store.Sources(c.r.Context())
	if err != nil {
		return fmt.Errorf("alma: list sources: %w", err)
	}
	project := c.queryProject()
	sources = slices.DeleteFunc(sources, func(src alma.Source) bool { return project != "" && src.ProjectID != project })
	page, err := pageOf(sources, cursor, func(src *alma.Source) place { return place{src.CreatedAt, src.Name} })
	if err != nil {
		return err
	}
	views := make([]sourceView, len(page.Items))
	for i := range page.Items {
		views[i] = viewSource(&page.Items[i], time.Now())
	}
	return c.reply(http.StatusOK, newList(views, page.Next))
}

// source returns the source that the path names, if the key may know of it.
func (s *Server) source(c *call) (alma.Source, error) {
	if strings.ContainsRune(c.id(), 0) { // Which not every store could even look for.
		return alma.Source{}, notFound("source")
	}
	src, err := s.store.Source(c.r.Context(), c.id())
	switch {
	case isNotFound(err), err == nil && !c.sees(src.ProjectID):
		return alma.Source{}, notFound("source")
	case err != nil:
		return alma.Source{}, fmt.Errorf("alma: source of a request: %w", err)
	}
	c.concerns(src.ProjectID)
	return src, nil
}

func (s *Server) getSource(c *call) error {
	src, err := s.source(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, viewSource(&src, time.Now()))
}

func (s *Server) deleteSource(c *call) error {
	src, err := s.source(c)
	if err != nil {
		return err
	}
	if err := s.store.DeleteSource(c.r.Context(), src.Name); err != nil {
		return fmt.Errorf("alma: delete source: %w", err)
	}
	return c.noContent()
}
