package alma_test

import (
	"errors"
	"testing"

	"github.com/alma-events/alma"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	var inner, outer alma.Faults
	if outer.Err() != nil {
		t.Error("an error without a fault")
	}
	inner.Addf("url", "missing: want %s", "one")
	inner.Addf("", "is empty")
	outer.Merge("webhooks[3]", inner.Err())
	outer.Merge("file", errors.New("cannot be read"))
	outer.Merge("none", nil)
	wantFaults(t, outer.Err(), "webhooks[3].url", "webhooks[3]", "file")
	if got, want := outer.Err().Error(), "alma: invalid input: webhooks[3].url: missing: want one; webhooks[3]: is empty; file: cannot be read"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
