package storagetest

import (
	"time"

	"github.com/alma-events/alma"
)

var sourceCases = []testCase{
	{"RoundTrip", "every setting of a source comes back as it was stored, both secrets included", testSourceRoundTrip},
	{"Create", "a name is given once, and is free again when its source is gone", testSourceCreate},
	{"Update", "an update replaces all but the time of the making", testSourceUpdate},
	{"Absent", "what is asked of an unknown source is ErrNotFound", testSourceAbsent},
	{"List", "sources are listed oldest first", testSourceList},
}

func source(name string) alma.Source {
	return alma.Source{
		Name: name, Format: alma.FormatExlibris, Secret: "s3cret \x01 ü of " + name, FormerSecret: "before", FormerUntil: moment.Add(time.Hour),
		ProjectID: "project", Description: "für alle", CreatedAt: moment,
	}
}

func testSourceRoundTrip(e *env) {
	for _, want := range []alma.Source{source("full"), {Name: "plain", Format: alma.FormatAlma, Unsigned: true}} {
		made, err := e.CreateSource(e.ctx, want)
		e.check(err, "create")
		if made.CreatedAt.IsZero() || made.UpdatedAt.IsZero() {
			e.Fatalf("a new source was created %v, updated %v", made.CreatedAt, made.UpdatedAt)
		}
		got, err := e.Source(e.ctx, want.Name)
		e.check(err, "read")
		want.CreatedAt, want.UpdatedAt = got.CreatedAt, got.UpdatedAt
		e.equal(got, want, want.Name)
	}
	got, err := e.Source(e.ctx, "full")
	e.check(err, "read")
	e.equal(got.CreatedAt, moment, "the time of the making")
}

func testSourceCreate(e *env) {
	_, err := e.CreateSource(e.ctx, source("alma"))
	e.check(err, "create")
	_, err = e.CreateSource(e.ctx, source("alma"))
	e.wantErr(err, alma.ErrConflict, "create a name again")
	e.check(e.DeleteSource(e.ctx, "alma"), "delete")
	_, err = e.CreateSource(e.ctx, source("alma"))
	e.check(err, "create a free name")
}

func testSourceUpdate(e *env) {
	made, err := e.CreateSource(e.ctx, source("alma"))
	e.check(err, "create")
	want := alma.Source{Name: "alma", Format: alma.FormatStandard, Secret: "new", FormerSecret: made.Secret, FormerUntil: moment}
	got, err := e.UpdateSource(e.ctx, want)
	e.check(err, "update")
	want.CreatedAt, want.UpdatedAt = moment, got.UpdatedAt
	e.equal(got, want, "the updated source")
	stored, err := e.Source(e.ctx, "alma")
	e.check(err, "read")
	e.equal(stored, got, "the stored source")
}

func testSourceAbsent(e *env) {
	_, err := e.Source(e.ctx, "never")
	e.wantErr(err, alma.ErrNotFound, "read")
	_, err = e.UpdateSource(e.ctx, source("never"))
	e.wantErr(err, alma.ErrNotFound, "update")
	e.wantErr(e.DeleteSource(e.ctx, "never"), alma.ErrNotFound, "delete")
}

func testSourceList(e *env) {
	for _, name := range []string{"c", "a", "b"} {
		_, err := e.CreateSource(e.ctx, source(name))
		e.check(err, "create")
	}
	e.check(e.DeleteSource(e.ctx, "a"), "delete")
	list, err := e.Sources(e.ctx)
	e.check(err, "list")
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	e.equal(names, []string{"c", "b"}, "sources")
}
