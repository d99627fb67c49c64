package alma_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
)

var now = time.Date(2026, 1, 28, 12, 0, 0, 123456789, time.UTC)

// wantFaults checks which fields err complains about, in order; none means no
// error.
func wantFaults(t *testing.T, err error, fields ...string) {
	t.Helper()
	var got []string
	var invalid *alma.ValidationError
	switch {
	case errors.As(err, &invalid):
		for _, f := range invalid.Faults {
			got = append(got, f.Field)
		}
	case err != nil:
		t.Fatalf("got %v, want a validation error", err)
	}
	if diff := cmp.Diff(fields, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s\n%v", diff, err)
	}
}
