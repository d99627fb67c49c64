package alma

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in the event log. Positions are ordered: a reader that
// has processed everything up to a position never meets an earlier one again.
//
// A driver with a single writer leaves Xact at zero and counts in Seq. A
// driver with concurrent writers puts the inserting transaction into Xact
// (its era in the upper bits), because sequence values alone become visible
// out of order there.
//
// The zero Position stands before the first event.
type Position struct {
	Xact uint64
	Seq  int64
}

// Compare returns -1, 0 or +1 as p lies before, at or after q.
func (p Position) Compare(q Position) int {
	if c := cmp.Compare(p.Xact, q.Xact); c != 0 {
		return c
	}
	return cmp.Compare(p.Seq, q.Seq)
}

// Before reports whether p lies before q.
func (p Position) Before(q Position) bool { return p.Compare(q) < 0 }

// IsZero reports whether p stands before the first event.
func (p Position) IsZero() bool { return p == Position{} }

// String returns the position in a short form that [ParsePosition] reads:
// "2f" for a driver with a single writer, "1a.2f" for others (base 36).
func (p Position) String() string {
	seq := strconv.FormatInt(p.Seq, 36)
	if p.Xact == 0 {
		return seq
	}
	return strconv.FormatUint(p.Xact, 36) + "." + seq
}

// ParsePosition reads the form written by [Position.String].
func ParsePosition(s string) (Position, error) {
	var p Position
	var err error
	xact, seq, two := strings.Cut(s, ".")
	if !two {
		seq = s
	} else if p.Xact, err = strconv.ParseUint(xact, 36, 64); err != nil {
		return Position{}, fmt.Errorf("alma: position %q: want base-36 numbers like \"2f\" or \"1a.2f\"", s)
	}
	if p.Seq, err = strconv.ParseInt(seq, 36, 64); err != nil || p.Seq < 0 {
		return Position{}, fmt.Errorf("alma: position %q: want base-36 numbers like \"2f\" or \"1a.2f\"", s)
	}
	return p, nil
}
