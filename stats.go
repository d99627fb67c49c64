package alma

import (
	"context"
	"math"
	"time"
)

// Stats are counts of what the engine has done, within some time.
type Stats struct {
	// Events that were appended. With many nodes each of them counts all.
	Events int64 `json:"events"`
	// Delivered counts deliveries that succeeded, Failed those that were given
	// up, Suppressed those that were deliberately not made.
	Delivered  int64 `json:"delivered"`
	Failed     int64 `json:"failed"`
	Suppressed int64 `json:"suppressed"`
	// FailedBy are those that were given up, by the last reason. The pending
	// ones of a removed webhook count as many as its node had waiting, a batch as
	// one.
	FailedBy map[Reason]int64 `json:"failed_by,omitempty"`
	// Retries counts attempts after the first of their delivery.
	Retries int64 `json:"retries"`
	// Attempts counts requests by the reason of their failure; those that
	// succeeded under "". A batch is one request.
	Attempts map[Reason]int64 `json:"attempts,omitempty"`
	// Duration is how long requests took, Latency how long it took from the
	// append of an event to its delivery by a first attempt.
	Duration Histogram `json:"duration"`
	Latency  Histogram `json:"latency"`
}

// Add adds what happened elsewhere, or at another time.
func (s *Stats) Add(o *Stats) {
	s.Events += o.Events
	s.Delivered += o.Delivered
	s.Failed += o.Failed
	s.Suppressed += o.Suppressed
	s.Retries += o.Retries
	s.Attempts = plus(s.Attempts, o.Attempts)
	s.FailedBy = plus(s.FailedBy, o.FailedBy)
	s.Duration.add(&o.Duration, 1)
	s.Latency.add(&o.Latency, 1)
}

// Since returns what happened between an earlier total and this one.
func (s *Stats) Since(o *Stats) Stats {
	d := Stats{
		Events: s.Events - o.Events, Delivered: s.Delivered - o.Delivered, Failed: s.Failed - o.Failed,
		Suppressed: s.Suppressed - o.Suppressed, Retries: s.Retries - o.Retries,
		Attempts: minus(s.Attempts, o.Attempts), FailedBy: minus(s.FailedBy, o.FailedBy),
		Duration: s.Duration, Latency: s.Latency,
	}
	d.Duration.add(&o.Duration, -1)
	d.Latency.add(&o.Latency, -1)
	return d
}

// plus adds to a, which may be nil and is what it returns otherwise.
func plus(a, b map[Reason]int64) map[Reason]int64 {
	if a == nil && len(b) > 0 {
		a = make(map[Reason]int64, len(b))
	}
	for reason, n := range b {
		a[reason] += n
	}
	return a
}

// minus returns what differs; nil when nothing does.
func minus(a, b map[Reason]int64) map[Reason]int64 {
	var d map[Reason]int64
	for reason, n := range a {
		if n -= b[reason]; n != 0 {
			d = plus(d, map[Reason]int64{reason: n})
		}
	}
	return d
}

// IsZero reports whether nothing happened.
func (s *Stats) IsZero() bool {
	return s.Events == 0 && s.Delivered == 0 && s.Failed == 0 && s.Suppressed == 0 && len(s.Attempts) == 0
}

// HistogramBounds are the upper bounds of a [Histogram]'s buckets; the last
// bucket has none.
var HistogramBounds = [...]time.Duration{
	time.Millisecond / 2, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
	5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, time.Hour,
}

// Histogram counts durations in buckets.
type Histogram struct {
	Counts [len(HistogramBounds) + 1]int64 `json:"counts"`
	Sum    time.Duration                   `json:"sum"` // Nanoseconds.
}

func (h *Histogram) add(o *Histogram, sign int64) {
	for i := range h.Counts {
		h.Counts[i] += sign * o.Counts[i]
	}
	h.Sum += time.Duration(sign) * o.Sum
}

// Count returns how many durations were counted.
func (h *Histogram) Count() int64 {
	n := int64(0)
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Quantile estimates the duration below which a share q (0 to 1) of all lie:
// within a bucket they are taken to be spread evenly, and what lies beyond the
// last bound counts as that bound. 0 when there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	total := h.Count()
	if total == 0 {
		return 0
	}
	rank := math.Min(math.Max(q, 0), 1) * float64(total)
	below := 0.0
	for i, c := range h.Counts {
		if c == 0 || below+float64(c) < rank {
			below += float64(c)
			continue
		}
		if i == len(HistogramBounds) {
			break
		}
		low := time.Duration(0)
		if i > 0 {
			low = HistogramBounds[i-1]
		}
		share := (rank - below) / float64(c)
		return low + time.Duration(share*float64(HistogramBounds[i]-low))
	}
	return HistogramBounds[len(HistogramBounds)-1]
}

// StatsMinute is what one node did in a minute.
type StatsMinute struct {
	Minute time.Time // Its beginning, UTC.
	Node   string
	Stats
}

// StatsStore keeps what was done, minute by minute, for 8 days.
type StatsStore interface {
	// AddStats adds to what is stored of a node's minute, and removes what is
	// too old.
	AddStats(ctx context.Context, m StatsMinute) error
	// StatsMinutes returns the minutes that began in a time (until excluded),
	// of all nodes, the oldest first.
	StatsMinutes(ctx context.Context, since, until time.Time) ([]StatsMinute, error)
}

// StatsKept is how long a [StatsStore] keeps a minute.
const StatsKept = 8 * 24 * time.Hour
