package postgres

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// place is a position as it is stored: both parts are bigint.
type place struct{ xact, seq int64 }

// furthest stands after everything.
var furthest = place{math.MaxInt64, math.MaxInt64}

func placeOf(p alma.Position) place { return place{int64(p.Xact), p.Seq} } //nolint:gosec // Eras end long before the sign bit.

func (p place) position() alma.Position { return alma.Position{Xact: uint64(p.xact), Seq: p.seq} } //nolint:gosec // As above.

func (p place) before(q place) bool {
	return p.xact < q.xact || p.xact == q.xact && p.seq < q.seq
}

// utc brings a stored time into the form that Go's own has.
func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// orNull stores the zero time as NULL.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// bound stores a bound of stored times, which have whole microseconds: it is
// rounded up. The zero time is no bound.
func bound(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.Add(time.Microsecond - 1).Truncate(time.Microsecond))
}

// plain makes a text of ours storable: PostgreSQL's text holds no NUL.
func plain(s string) string {
	if !strings.ContainsRune(s, 0) {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

// cursorToken writes the place where a page ended: a place in the log and, for
// listings that need it, a number beside it.
func cursorToken(p place, number int64) string {
	return fmt.Sprintf("%x.%x.%x", uint64(p.xact), uint64(p.seq), uint64(number)) //nolint:gosec // A way to write them.
}

// parseCursor reads it. An empty one stands before everything: listings run
// downwards.
func parseCursor(token string) (p place, number int64, err error) {
	if token == "" {
		return furthest, math.MaxInt64, nil
	}
	var xact, seq, n uint64
	if _, err := fmt.Sscanf(token, "%x.%x.%x", &xact, &seq, &n); err != nil || cursorToken(place{int64(xact), int64(seq)}, int64(n)) != token {
		var f alma.Faults
		f.Addf("after", "is no cursor of this listing: want the value of next of the page before")
		return place{}, 0, f.Err()
	}
	return place{int64(xact), int64(seq)}, int64(n), nil
}

// parseRisingCursor reads a cursor of a listing that runs upwards by one number.
func parseRisingCursor(token string) (after int64, err error) {
	if token == "" {
		return 0, nil
	}
	_, after, err = parseCursor(token)
	return after, err
}

// decodeJSON reads a stored JSON column; an empty one leaves v as it is.
func decodeJSON(column, text string, v any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("stored %s: %w", column, err)
	}
	return nil
}
