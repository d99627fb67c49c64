package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	want := `verified: {"type":"order.paid","timestamp":"2026-01-28T12:00:00Z","data":{"id":"ord_7","total":1.50}}
answered: 204 No Content
handled: msg_1 ORDER_PAID ord_7
answered: 204 No Content
answered: 204 No Content
answered: 401 Unauthorized
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}
}
