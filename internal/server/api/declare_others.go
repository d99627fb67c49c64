package api

import (
	"bytes"
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
			plan = append(plan, removal("source", name, func(ctx context.Context) error { return s.store.DeleteSource(ctx, name) }))
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
	return judged("source", name, old != nil, differences(sourceMembers(&before), sourceMembers(&next), "secret"), func(ctx context.Context) error {
		var err error
		if old == nil {
			_, err = s.store.CreateSource(ctx, next)
		} else {
			_, err = s.store.UpdateSource(ctx, next)
		}
		return err //nolint:wrapcheck // The driver says what was done.
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

func (s *Server) planKeys(ctx context.Context, faults *faultList, list json.RawMessage) ([]intent, error) {
	if len(list) == 0 || isNull(list) {
		return nil, nil
	}
	stored, err := s.store.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("alma: list keys: %w", err)
	}
	var plan []intent
	declared(faults, "keys", list, func(place, name string, raw json.RawMessage) {
		var in declaredKey
		found := &faultList{}
		decodeObject(found, "", raw, reflect.ValueOf(&in).Elem())
		checkKey(found, keyInput{Name: in.Name, Role: in.Role, ProjectID: in.ProjectID, RateLimit: in.RateLimit})
		if err := CheckKey(in.Key); err != nil {
			found.addf("key", "%v; give it by a variable, as ${NAME}", err)
		}
		next := alma.Key{ID: alma.NewKeyID(), Name: in.Name, Role: in.Role, ProjectID: in.ProjectID, RateLimit: in.RateLimit, Hash: hashKey(in.Key)}
		var old *alma.Key
		for i := range stored {
			switch {
			case stored[i].Name == name:
				old = &stored[i]
			case bytes.Equal(stored[i].Hash, next.Hash):
				found.addf("key", "is that of the key %s too; want another one", stored[i].ID)
			}
		}
		for _, f := range found.list {
			faults.addf(join(place, f.Field), "%s", f.Message)
		}
		plan = append(plan, s.planKey(name, old, next))
	})
	return plan, nil
}

func (s *Server) planKey(name string, old *alma.Key, next alma.Key) intent {
	if old == nil {
		return judged("key", name, false, nil, func(ctx context.Context) error { return s.replaceKey(ctx, nil, next) })
	}
	return judged("key", name, true, differences(keyMembers(old), keyMembers(&next), "key"), func(ctx context.Context) error { return s.replaceKey(ctx, old, next) })
}

// replaceKey removes a key that comes again under the same hash first: two of
// one hash cannot be. A process that dies between is made good by the next
// declaration.
func (s *Server) replaceKey(ctx context.Context, old *alma.Key, next alma.Key) error {
	s.deleting.Lock()
	defer s.deleting.Unlock()
	defer s.keys.clear()
	next.CreatedAt = time.Now().UTC()
	same := old != nil && bytes.Equal(old.Hash, next.Hash)
	if same {
		if err := s.store.DeleteKey(ctx, old.ID); err != nil {
			return err //nolint:wrapcheck // The driver says what was done.
		}
	}
	if err := s.store.CreateKey(ctx, next); err != nil || old == nil || same {
		return err //nolint:wrapcheck // As above.
	}
	return s.store.DeleteKey(ctx, old.ID) //nolint:wrapcheck // As above.
}

func keyMembers(k *alma.Key) map[string]json.RawMessage {
	return membersOf(map[string]any{"role": k.Role, "project_id": k.ProjectID, "rate_limit": k.RateLimit, "key": k.Hash})
}
