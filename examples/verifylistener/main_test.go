package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	want := `/receive took memory-1
/wire took memory-2
/by-hand took memory-3
/receive answers a forgery with 401 Unauthorized
/wire answers a forgery with 401 Unauthorized
/by-hand answers a forgery with 401 Unauthorized
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}
}

// TestWays sends the same requests to each way, and expects the same of each.
func TestWays(t *testing.T) {
	t.Parallel()
	const body = `{"event_type":"CREATED","memory_id":"m1","event_id":"evt_1","data":{}}`
	for name, tc := range map[string]struct {
		body, signature string
		status          int
	}{
		"good":             {body, wire.SignAlma(secret, []byte(body)), http.StatusNoContent},
		"altered body":     {strings.Replace(body, "m1", "m2", 1), wire.SignAlma(secret, []byte(body)), http.StatusUnauthorized},
		"another secret":   {body, wire.SignAlma("other", []byte(body)), http.StatusUnauthorized},
		"no signature":     {body, "", http.StatusUnauthorized},
		"signed, no event": {"nonsense", wire.SignAlma(secret, []byte("nonsense")), http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, way := range ways {
				var taken []string
				mux, err := newMux(secret, func(_ string, ev *alma.Event) { taken = append(taken, ev.MemoryID) })
				if err != nil {
					t.Fatal(err)
				}
				req := httptest.NewRequest(http.MethodPost, way, bytes.NewReader([]byte(tc.body)))
				req.Header.Set("X-ALMA-Signature", tc.signature)
				answer := httptest.NewRecorder()
				mux.ServeHTTP(answer, req)
				if answer.Code != tc.status {
					t.Errorf("%s answered %d; want %d", way, answer.Code, tc.status)
				}
				if want := tc.status == http.StatusNoContent; (len(taken) == 1) != want {
					t.Errorf("%s took %v; taken should be %t", way, taken, want)
				}
			}
		})
	}
}
