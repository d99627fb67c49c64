package sqlite

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// position returns the place of an event. One writer needs no Xact.
func position(seq int64) alma.Position { return alma.Position{Seq: seq} }

// nanos stores a time: nanoseconds since 1970, 0 for the zero time. Times
// outside 1678 to 2262 are brought to the nearest that fits.
func nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	default:
		return t.UnixNano()
	}
}

// fromNanos is the way back.
func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// null stores an empty text as NULL, which takes no room.
func null[S ~string](s S) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// jsonList writes numbers or texts for json_each. One parameter holds a list
// of any length, so SQLite's limit on their number does not matter.
func jsonList[T int64 | string](list []T) string {
	b, _ := json.Marshal(list) //nolint:errchkjson // Numbers and texts always marshal.
	return string(b)
}

// seqs returns the numbers of positions.
func seqs(positions []alma.Position) []int64 {
	out := make([]int64, len(positions))
	for i, p := range positions {
		out[i] = p.Seq
	}
	return out
}

func positions(seqs []int64) []alma.Position {
	out := make([]alma.Position, len(seqs))
	for i, seq := range seqs {
		out[i] = position(seq)
	}
	return out
}

// cursorToken writes the place where a page ended: two numbers, the order of
// every listing here.
func cursorToken(major, minor int64) string {
	return strconv.FormatInt(major, 36) + "." + strconv.FormatInt(minor, 36)
}

// parseCursor reads it. An empty one stands before everything: listings run
// downwards.
func parseCursor(token string) (major, minor int64, err error) {
	if token == "" {
		return math.MaxInt64, math.MaxInt64, nil
	}
	a, b, ok := strings.Cut(token, ".")
	major, errA := strconv.ParseInt(a, 36, 64)
	minor, errB := strconv.ParseInt(b, 36, 64)
	if !ok || errA != nil || errB != nil {
		var f alma.Faults
		f.Addf("after", "is no cursor of this listing: want the value of next of the page before")
		return 0, 0, f.Err()
	}
	return major, minor, nil
}

// parseRisingCursor reads a cursor of a listing that runs upwards by one number.
func parseRisingCursor(token string) (after int64, err error) {
	if token == "" {
		return 0, nil
	}
	after, _, err = parseCursor(token)
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
