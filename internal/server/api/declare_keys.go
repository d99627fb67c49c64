package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/alma-events/alma"
)

func (s *Server) planKeys(ctx context.Context, faults *faultList, list json.RawMessage) ([]intent, error) {
	if len(list) == 0 || isNull(list) {
		return nil, nil
	}
	stored, err := s.store.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("alma: list keys: %w", err)
	}
	keys := keyPlan{stored: stored, given: map[string]string{}, admins: adminsOf(stored)}
	var plan []intent
	declared(faults, "keys", list, func(place, name string, raw json.RawMessage) {
		old, next, found := keys.read(place, name, raw)
		for _, f := range found.list {
			faults.addf(join(place, f.Field), "%s", f.Message)
		}
		plan = append(plan, s.planKey(name, old, next))
	})
	if keys.demoted != "" && len(keys.admins) == 0 {
		faults.addf(keys.demoted, "would leave no admin key without a project, and nobody could get in any more; declare or make another one first")
	}
	return plan, nil
}

// keyPlan is what is known while declared keys are read.
type keyPlan struct {
	stored  []alma.Key
	given   map[string]string // Hash of a declared key → its place.
	admins  map[string]bool   // Ids of the admin keys without a project, as they will be.
	demoted string            // Where one was declared to be something else.
}

// adminsOf returns the ids of the keys that may make keys for everything.
func adminsOf(keys []alma.Key) map[string]bool {
	ids := map[string]bool{}
	for i := range keys {
		if isRoot(&keys[i]) {
			ids[keys[i].ID] = true
		}
	}
	return ids
}

func isRoot(k *alma.Key) bool { return k.Role == alma.RoleAdmin && k.ProjectID == "" }

// read returns the key that is declared, and the stored one that it replaces.
func (p *keyPlan) read(place, name string, raw json.RawMessage) (old *alma.Key, next alma.Key, found *faultList) {
	var in declaredKey
	found = &faultList{}
	decodeObject(found, "", raw, reflect.ValueOf(&in).Elem())
	checkKey(found, keyInput{Name: in.Name, Role: in.Role, ProjectID: in.ProjectID, RateLimit: in.RateLimit})
	if err := CheckKey(in.Key); err != nil {
		found.addf("key", "%v; give it by a variable, as ${NAME}", err)
	}
	next = alma.Key{ID: alma.NewKeyID(), Name: in.Name, Role: in.Role, ProjectID: in.ProjectID, RateLimit: in.RateLimit, Hash: hashKey(in.Key)}
	if other, twice := p.given[string(next.Hash)]; twice {
		found.addf("key", "is that of %s too; want another one", other)
	}
	p.given[string(next.Hash)] = place
	for i := range p.stored {
		k := &p.stored[i]
		switch {
		case k.Name != name && bytes.Equal(k.Hash, next.Hash):
			found.addf("key", "is that of the key %s too; want another one", k.ID)
		case k.Name == name && old != nil:
			found.addf("name", "the keys %s and %s both have this name; remove one of them", old.ID, k.ID)
		case k.Name == name:
			old = k
		}
	}
	p.note(place, old, &next)
	return old, next, found
}

// note keeps count of the keys that may make keys for everything.
func (p *keyPlan) note(place string, old, next *alma.Key) {
	if old != nil && isRoot(old) {
		delete(p.admins, old.ID)
		if !isRoot(next) {
			p.demoted = place + ".role"
		}
	}
	if isRoot(next) {
		p.admins[next.ID] = true
	}
}

func (s *Server) planKey(name string, old *alma.Key, next alma.Key) intent {
	if old == nil {
		return judged("key", name, false, nil, next.ProjectID, func(ctx context.Context) (string, error) {
			next.CreatedAt = time.Now().UTC()
			return next.ID, s.store.CreateKey(ctx, next) //nolint:wrapcheck // The driver says what was done.
		})
	}
	return judged("key", name, true, differences(keyMembers(old), keyMembers(&next), "key"), next.ProjectID, func(ctx context.Context) (string, error) {
		defer s.keys.clear()
		next.CreatedAt = time.Now().UTC()
		return next.ID, s.store.ReplaceKey(ctx, old.ID, next) //nolint:wrapcheck // As above.
	})
}

func keyMembers(k *alma.Key) map[string]json.RawMessage {
	return membersOf(map[string]any{"role": k.Role, "project_id": k.ProjectID, "rate_limit": k.RateLimit, "key": k.Hash})
}
