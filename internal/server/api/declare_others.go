package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/alma-events/alma"
)

func (s *Server) planSources(ctx context.Context, faults *faultList, list json.RawMessage, prune bool) ([]intent, error) {
	if len(list) == 0 || isNull(list) {
		return nil, nil
	}
	stored, err := s.store.Sources(ctx)
	if err != nil {
		return nil, fmt.Errorf("alma: list sources: %w", err)
	}
	byName := map[string]*alma.Source{}
	for i := range stored {
		byName[stored[i].Name] = &stored[i]
	}
	var plan []intent
	named := map[string]bool{}
	declared(faults, "sources", list, func(place, name string, raw json.RawMessage) {
		named[name] = true
		plan = append(plan, s.planSource(faults, place, name, raw, byName[name]))
	})
	for i := range stored {
		if name := stored[i].Name; prune && !named[name] {
			plan = append(plan, removal("source", name, name, stored[i].ProjectID, s.store.DeleteSource))
		}
	}
	return plan, nil
}

func (s *Server) planSource(faults *faultList, place, name string, raw json.RawMessage, old *alma.Source) intent {
	var in sourceInput
	found := &faultList{}
	decodeObject(found, "", raw, reflect.ValueOf(&in).Elem())
	next := alma.Source{Name: name}
	if old != nil {
		next = *old
	}
	before := next
	next.ProjectID, next.Description, next.Format = in.ProjectID, in.Description, in.Format
	if next.Format == "" {
		next.Format = alma.FormatAlma
	}
	if len(in.Secret) > 0 {
		next.Secret, next.Unsigned = "", false
		readSourceSecret(found, in.Secret, &next)
	} else if old == nil {
		found.addf("secret", "missing: nobody would see a generated one; want it from a variable, as ${NAME}, or null for an unsigned source")
	}
	checkSource(found, sourceFormat(found, next.Format), &next)
	for _, f := range found.list {
		faults.addf(join(place, f.Field), "%s", f.Message)
	}
	if next.Secret != before.Secret {
		next.FormerSecret, next.FormerUntil = "", time.Time{} // What is declared holds at once.
	}
	return judged("source", name, old != nil, differences(sourceMembers(&before), sourceMembers(&next), "secret"), next.ProjectID, func(ctx context.Context) (string, error) {
		var err error
		if old == nil {
			_, err = s.store.CreateSource(ctx, next)
		} else {
			_, err = s.store.UpdateSource(ctx, next)
		}
		return name, err //nolint:wrapcheck // The driver says what was done.
	})
}

func sourceMembers(src *alma.Source) map[string]json.RawMessage {
	return membersOf(map[string]any{"format": src.Format, "secret": src.Secret, "unsigned": src.Unsigned, "project_id": src.ProjectID, "description": src.Description})
}

func membersOf(values map[string]any) map[string]json.RawMessage {
	raw, err := json.Marshal(values)
	if err != nil {
		panic(err) // Texts and truth values always marshal.
	}
	return maps.Collect(members(raw))
}
