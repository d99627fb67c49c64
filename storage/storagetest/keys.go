package storagetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
)

var keyCases = []testCase{
	{"RoundTrip", "a key is found by its hash alone, as it was stored", testKeyRoundTrip},
	{"Unique", "ids and hashes are given once", testKeyUnique},
	{"List", "keys are listed oldest first", testKeyList},
	{"Delete", "a deleted key opens nothing any more", testKeyDelete},
	{"LastAdmin", "the last admin key without a project stays, or nobody could get in any more", testKeyLastAdmin},
	{"LastAdminRace", "of many nodes that remove each another's admin keys the last one fails", testKeyLastAdminRace},
	{"Replace", "a key is replaced wholly or not at all", testKeyReplace},
	{"Used", "the time of the last use never moves back", testKeyUsed},
}

func apiKey(id string) alma.Key {
	hash := sha256.Sum256([]byte(id))
	return alma.Key{ID: id, Name: "name of " + id, Role: alma.RoleIngest, ProjectID: "project", Hash: hash[:], CreatedAt: moment, RateLimit: 2.5}
}

func testKeyRoundTrip(e *env) {
	k := apiKey("key_1")
	e.check(e.CreateKey(e.ctx, k), "create")
	got, err := e.FindKey(e.ctx, k.Hash)
	e.check(err, "find")
	e.equal(got, k, "the key")
	for _, hash := range [][]byte{nil, {}, k.Hash[:31], apiKey("key_2").Hash} {
		_, err := e.FindKey(e.ctx, hash)
		e.wantErr(err, alma.ErrNotFound, "find another hash")
	}
}

func testKeyUnique(e *env) {
	a, b := apiKey("key_1"), apiKey("key_2")
	e.check(e.CreateKey(e.ctx, a), "create")
	sameHash := b
	sameHash.Hash = a.Hash
	e.wantErr(e.CreateKey(e.ctx, a), alma.ErrConflict, "create a key again")
	e.wantErr(e.CreateKey(e.ctx, sameHash), alma.ErrConflict, "create a key with a known hash")
	e.check(e.CreateKey(e.ctx, b), "create another")
}

func testKeyList(e *env) {
	want := []alma.Key{apiKey("key_c"), apiKey("key_a"), apiKey("key_b")}
	for _, k := range want {
		e.check(e.CreateKey(e.ctx, k), "create")
	}
	got, err := e.Keys(e.ctx)
	e.check(err, "list")
	e.equal(got, want, "keys")
}

func testKeyDelete(e *env) {
	k := apiKey("key_1")
	e.check(e.CreateKey(e.ctx, k), "create")
	e.check(e.DeleteKey(e.ctx, k.ID), "delete")
	_, err := e.FindKey(e.ctx, k.Hash)
	e.wantErr(err, alma.ErrNotFound, "find the deleted key")
	e.wantErr(e.DeleteKey(e.ctx, k.ID), alma.ErrNotFound, "delete again")
}

func adminKey(id, project string) alma.Key {
	k := apiKey(id)
	k.Role, k.ProjectID = alma.RoleAdmin, project
	return k
}

func testKeyLastAdmin(e *env) {
	for _, k := range []alma.Key{adminKey("key_1", ""), adminKey("key_2", ""), adminKey("key_bound", "project"), apiKey("key_other")} {
		e.check(e.CreateKey(e.ctx, k), "create")
	}
	e.check(e.DeleteKey(e.ctx, "key_1"), "delete one of two admin keys")
	e.wantErr(e.DeleteKey(e.ctx, "key_2"), alma.ErrLastAdminKey, "delete the last admin key")
	e.wantErr(e.ReplaceKey(e.ctx, "key_2", apiKey("key_3")), alma.ErrLastAdminKey, "replace the last admin key by another role")
	e.wantErr(e.ReplaceKey(e.ctx, "key_2", adminKey("key_3", "project")), alma.ErrLastAdminKey, "bind the last admin key to a project")
	e.check(e.DeleteKey(e.ctx, "key_bound"), "delete an admin key of a project")
	e.check(e.DeleteKey(e.ctx, "key_other"), "delete a key of another role")
	keys, err := e.Keys(e.ctx)
	e.check(err, "list")
	e.equal(keys, []alma.Key{adminKey("key_2", "")}, "the keys that are left")
}

func testKeyLastAdminRace(e *env) {
	const keys = 8
	for i := range keys {
		e.check(e.CreateKey(e.ctx, adminKey(fmt.Sprint("key_", i), "")), "create")
	}
	var refused atomic.Int64
	together(keys, func(i int) {
		switch err := e.DeleteKey(e.ctx, fmt.Sprint("key_", i)); {
		case errors.Is(err, alma.ErrLastAdminKey):
			refused.Add(1)
		case err != nil:
			e.Errorf("delete: %v", err)
		}
	})
	left, err := e.Keys(e.ctx)
	e.check(err, "list")
	if len(left) != 1 || refused.Load() != 1 {
		e.Errorf("%d keys are left, and %d removals were refused; want one of each", len(left), refused.Load())
	}
}

func testKeyReplace(e *env) {
	e.check(e.CreateKey(e.ctx, adminKey("key_1", "")), "create")
	e.check(e.CreateKey(e.ctx, apiKey("key_other")), "create")
	same := adminKey("key_2", "")
	same.Hash, same.RateLimit = adminKey("key_1", "").Hash, 7
	e.check(e.ReplaceKey(e.ctx, "key_1", same), "replace the last admin key by one of the same hash")
	taken := adminKey("key_3", "")
	taken.Hash = apiKey("key_other").Hash
	e.wantErr(e.ReplaceKey(e.ctx, "key_2", taken), alma.ErrConflict, "replace a key by one whose hash is taken")
	e.wantErr(e.ReplaceKey(e.ctx, "key_gone", adminKey("key_3", "")), alma.ErrNotFound, "replace a key that is gone")
	keys, err := e.Keys(e.ctx)
	e.check(err, "list")
	e.equal(keys, []alma.Key{apiKey("key_other"), same}, "the keys that are left")
}

func testKeyUsed(e *env) {
	k := apiKey("key_1")
	e.check(e.CreateKey(e.ctx, k), "create")
	for _, at := range []time.Time{moment.Add(time.Hour), moment.Add(2 * time.Hour), moment} {
		e.check(e.KeyUsed(e.ctx, k.ID, at), "note a use")
	}
	e.check(e.KeyUsed(e.ctx, "key_gone", moment), "note the use of a key that is gone")
	got, err := e.FindKey(e.ctx, k.Hash)
	e.check(err, "find")
	k.LastUsedAt = moment.Add(2 * time.Hour)
	e.equal(got, k, "the key")
}
