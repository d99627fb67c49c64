package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "auditlog.db")
	want := `CREATED  qa_tester {"fact":"Checkout needs a customer number"}
UPDATED  qa_tester {"old":{"fact":"Checkout needs a customer number"},"new":{"fact":"Checkout needs a customer number","confidence":0.9}}
DELETED  qa_tester {}
`
	for start := 1; start <= 2; start++ {
		var out strings.Builder
		if err := run(t.Context(), &out, file); err != nil {
			t.Fatal(err)
		}
		if want := strings.Repeat(want, start); out.String() != want {
			t.Errorf("start %d printed:\n%s\nwant:\n%s", start, out.String(), want)
		}
	}
}
