package inbound

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// acceptance is the answer to events that are in the log.
type acceptance struct {
	Accepted   int      `json:"accepted"`
	Duplicates int      `json:"duplicates"`
	EventIDs   []string `json:"event_ids"`
}

// post takes the events of one request.
func (h *Handler) post(w http.ResponseWriter, r *http.Request) error {
	body, err := h.read(w, r)
	if err != nil {
		return err
	}
	src, format, err := h.admit(r, body)
	if err != nil {
		return err
	}
	events, err := decode(&src, format, r.Header, body)
	if err != nil {
		return err
	}
	appended, err := h.append(r, events)
	if err != nil {
		return fmt.Errorf("append events: %w", err)
	}
	writeJSON(w, http.StatusOK, "application/json", summary(appended))
	return nil
}

// admit finds the source and verifies the body. A name that nobody has costs
// about the same time as a wrong signature.
func (h *Handler) admit(r *http.Request, body []byte) (alma.Source, wire.Format, error) {
	src, format, err := h.source(r)
	if errors.Is(err, errNoSource) {
		format, _ = wire.Lookup(h.decoy.Format)
		_ = format.Verify(r.Header, body, h.decoy.Secrets(h.cfg.Now()), h.cfg.Now()) // For the time it takes.
		return src, nil, err
	}
	if err != nil || src.Unsigned {
		return src, format, err
	}
	if err := format.Verify(r.Header, body, src.Secrets(h.cfg.Now()), h.cfg.Now()); err != nil {
		return src, nil, refuse(http.StatusUnauthorized, "%s", signatureFault(err)).because(err)
	}
	return src, format, nil
}

// signatureFault tells the sender no more than which kind of fault it is.
func signatureFault(err error) string {
	switch {
	case errors.Is(err, wire.ErrSignatureMissing):
		return "the signature is missing"
	case errors.Is(err, wire.ErrSignatureMalformed):
		return "the signature is malformed"
	default:
		return "the signature does not match the body"
	}
}

// decode reads the events of a verified body, in the source's project.
func decode(src *alma.Source, format wire.Format, header http.Header, body []byte) ([]alma.Event, error) {
	events, err := format.Decode(header, body)
	for i := range events {
		if events[i].ID == "" {
			events[i].ID = deriveID(src.Name, body, i)
		}
		if src.ProjectID != "" {
			events[i].ProjectID = src.ProjectID
		}
	}
	if err == nil && len(events) == 0 {
		err = errors.New("the body holds no event")
	}
	return events, check(events, err, bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")))
}

func summary(appended []alma.Appended) acceptance {
	a := acceptance{EventIDs: make([]string, len(appended))}
	for i, one := range appended {
		a.EventIDs[i] = one.ID
		if one.Duplicate {
			a.Duplicates++
		}
	}
	a.Accepted = len(appended) - a.Duplicates
	return a
}
