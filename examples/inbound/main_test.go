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
	want := `the profile's listener is /in/library
the challenge: 200 OK {"challenge":"anything"}
a signed call: 200 OK (accepted 1, duplicates 0)
the same again: 200 OK (accepted 0, duplicates 1)
a forged call: 401 Unauthorized (the signature does not match the body)
the listener of loans got LOAN_CREATED of loan 23175 in 01MYLIB
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}
}
