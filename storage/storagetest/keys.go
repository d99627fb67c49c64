package storagetest

import (
	"crypto/sha256"
	"time"

	"github.com/alma-events/alma"
)

var keyCases = []testCase{
	{"RoundTrip", "a key is found by its hash alone, as it was stored", testKeyRoundTrip},
	{"Unique", "ids and hashes are given once", testKeyUnique},
	{"List", "keys are listed oldest first", testKeyList},
	{"Delete", "a deleted key opens nothing any more", testKeyDelete},
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
