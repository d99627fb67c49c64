package postgres

import (
	"testing"
	"time"
)

// TestFirstWords: of somebody's statement no data is repeated.
func TestFirstWords(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"VACUUM alma_events": "VACUUM alma_events",
		"autovacuum: VACUUM public.alma_events_20260128 (to prevent wraparound)": "autovacuum: VACUUM public.alma_events_20260128",
		"COPY public.alma_events (xact, seq) TO stdout;":                         "COPY public.alma_events",
		"UPDATE t\n SET secret = 'x'":                                            "UPDATE t SET secret",
		"SELECT 4711":                                                            "SELECT",
		"SELECT a b c d e f":                                                     "SELECT a b c",
		"<insufficient privilege>":                                               "",
		"":                                                                       "",
	} {
		if got := firstWords(query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

// TestHolders: whoever is in the way is named as far as it is known, with what
// to do.
func TestHolders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		holder         lockHolder
		is, whatToDoIs string
	}{
		"known": {
			lockHolder{pid: 7, application: "pg_dump", user: "joe", state: "active", words: "COPY alma_events", age: 90 * time.Second, table: "alma_events"},
			"process 7 (application pg_dump, user joe, active, statement COPY alma_events, holds alma_events, for 1m30s)",
			"end it (SELECT pg_terminate_backend(7)), or start again after it",
		},
		"hidden":   {lockHolder{pid: 7}, "process 7", "end it (SELECT pg_terminate_backend(7)), or start again after it"},
		"prepared": {lockHolder{}, "a prepared transaction (pg_prepared_xacts)", "end that transaction, or start again after it"},
		"vacuum":   {lockHolder{pid: 7, vacuum: true}, "process 7", "it gives way in a moment, unless it is there to prevent wraparound: then wait for it, or cancel it (SELECT pg_cancel_backend(7))"},
	} {
		if list := []lockHolder{c.holder}; describe(list) != c.is || advice(list) != c.whatToDoIs {
			t.Errorf("%s: got %s: %s; want %s: %s", name, describe(list), advice(list), c.is, c.whatToDoIs)
		}
	}
}
