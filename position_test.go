package alma_test

import (
	"cmp"
	"testing"

	"pgregory.net/rapid"

	"github.com/alma-events/alma"
)

func TestPositionOrder(t *testing.T) {
	t.Parallel()
	ordered := []alma.Position{{}, {Seq: 1}, {Seq: 2}, {Xact: 1}, {Xact: 1, Seq: 1}, {Xact: 2}}
	for i, p := range ordered {
		for j, q := range ordered {
			if got, want := p.Compare(q), cmp.Compare(i, j); got != want || p.Before(q) != (want < 0) {
				t.Errorf("%v against %v: %d, want %d", p, q, got, want)
			}
		}
		if p.IsZero() != (i == 0) {
			t.Errorf("%v: IsZero %v", p, p.IsZero())
		}
	}
}

func TestPositionText(t *testing.T) {
	t.Parallel()
	for text, p := range map[string]alma.Position{"0": {}, "2f": {Seq: 87}, "1a.2f": {Xact: 46, Seq: 87}} {
		if p.String() != text {
			t.Errorf("%+v is %q, want %q", p, p, text)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p := positions().Draw(t, "position")
		if back, err := alma.ParsePosition(p.String()); err != nil || back != p {
			t.Fatalf("%v came back as %v: %v", p, back, err)
		}
	})
	for _, bad := range []string{"", ".", "1.", ".1", "-1", "1.-1", "1.2.3", "é", "zzzzzzzzzzzzzzzzz"} {
		if p, err := alma.ParsePosition(bad); err == nil {
			t.Errorf("%q was taken for position %v", bad, p)
		}
	}
}

func TestPageSize(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]int{-1: 50, 0: 50, 1: 1, 200: 200, 201: 200} {
		if got := (alma.Cursor{Limit: limit}).Size(); got != want {
			t.Errorf("limit %d gives %d, want %d", limit, got, want)
		}
	}
}
