package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"
)

// span is a stretch of the log: from low, included, to high, excluded.
type span struct{ low, high int64 }

func (s span) empty() bool { return s.low >= s.high }

// timeSpan returns the stretch of the log that was appended from since,
// included, to until, excluded. Zero times are no bounds.
func timeSpan(ctx context.Context, q *statements, since, until time.Time) (span, error) {
	out := span{low: 1, high: math.MaxInt64}
	var err error
	if !since.IsZero() {
		if out.low, err = seekTime(ctx, q, since); err != nil {
			return span{}, err
		}
	}
	if !until.IsZero() {
		out.high, err = seekTime(ctx, q, until)
	}
	return out, err
}

// seekTime returns the position of the first event appended at or after a
// time; a position after all events when there is none. The time of appending
// never goes back, so halving the log finds it in a few dozen steps without an
// index.
func seekTime(ctx context.Context, q *statements, t time.Time) (int64, error) {
	want := t.Add(time.Microsecond - 1).UnixMicro() // Rounded up: appended_at has whole microseconds.
	tail, err := readTail(ctx, q)
	if err != nil {
		return 0, err
	}
	if tail.at < want {
		return math.MaxInt64, nil
	}
	low, high := int64(1), tail.seq
	for low < high {
		mid := low + (high-low)/2
		var seq, at int64
		err := q.one(ctx, []any{&seq, &at}, sqlEventTime, mid)
		switch {
		case errors.Is(err, sql.ErrNoRows), err == nil && at >= want:
			high = mid
		case err != nil:
			return 0, err
		default:
			low = seq + 1
		}
	}
	return low, nil
}
