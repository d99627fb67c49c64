package dashboard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma/internal/server/dashboard"
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// each returns n moments, a step apart.
func each(n int, step time.Duration) []time.Time {
	out := make([]time.Time, n)
	for i := range out {
		out[i] = noon.Add(time.Duration(i) * step)
	}
	return out
}

func TestChartBreaksItsLineAtGaps(t *testing.T) {
	t.Parallel()
	five := func(v ...*float64) []*float64 { return v }
	for _, tc := range []struct {
		why    string
		values []*float64
		path   string
		dots   int
		now    string
	}{
		{"a whole line", five(new(0.0), new(50.0), new(100.0), new(50.0), new(0.0)), "M44.0 132.0L121.0 71.0L198.0 10.0L275.0 71.0L352.0 132.0", 0, "0"},
		{"two pieces", five(new(0.0), new(0.0), nil, new(100.0), new(100.0)), "M44.0 132.0L121.0 132.0M275.0 10.0L352.0 10.0", 0, "100"},
		{"points that stand alone", five(new(100.0), nil, new(0.0), nil, new(50.0)), "", 3, "50"},
		{"the end is missing", five(new(0.0), new(25.0), nil, nil, nil), "M44.0 132.0L121.0 101.5", 0, "25"},
		{"more than the scale holds", five(new(250.0), new(100.0), nil, nil, nil), "M44.0 10.0L121.0 10.0", 0, "100"},
		{"nothing", five(nil, nil, nil, nil, nil), "", 0, "–"},
	} {
		c := dashboard.NewFigures(each(5, time.Minute), 100, tc.values).Draw()
		if l := c.Lines[0]; l.Path != tc.path || len(l.Dots) != tc.dots || l.Now != tc.now {
			t.Errorf("%s: path %q with %d dots, now %s", tc.why, l.Path, len(l.Dots), l.Now)
		}
		if c.Empty != (tc.now == "–") {
			t.Errorf("%s: empty is %v", tc.why, c.Empty)
		}
	}
}

func TestChartNamesItsScales(t *testing.T) {
	t.Parallel()
	c := dashboard.NewFigures(each(15, time.Minute), 0, make([]*float64, 15), []*float64{0: new(3.0), 14: nil}).Draw()
	if c.Y[0].Label != "0" || c.Y[1].Label != "2" || c.Y[2].Label != "4" || c.Y[2].At != "10.0" {
		t.Errorf("up: %+v", c.Y)
	}
	if c.X[0].Label != "12:00" || c.X[1].Label != "12:07" || c.X[2].Label != "12:14" || c.X[2].Anchor != "end" || c.X[2].At != "352.0" {
		t.Errorf("along: %+v", c.X)
	}
	week := dashboard.NewFigures(each(84, 2*time.Hour), 0, make([]*float64, 84)).Draw()
	if week.X[0].Label != "Nov 1" || week.X[2].Label != "Nov 8" || week.Y[2].Label != "1" {
		t.Errorf("a week: %+v, up to %s", week.X, week.Y[2].Label)
	}
	if one := dashboard.NewFigures(each(1, time.Minute), 0, []*float64{new(2.0)}).Draw(); one.X != nil || len(one.Lines[0].Dots) != 1 {
		t.Errorf("one point: %+v", one)
	}
}

// The table behind the picture holds the newest figures that are not nothing.
func TestChartTable(t *testing.T) {
	t.Parallel()
	values := make([]*float64, 40)
	for i := range values {
		values[i] = new(float64(i % 2))
	}
	values[39], values[38] = nil, new(1234.5)
	c := dashboard.NewFigures(each(40, time.Minute), 0, values).Draw()
	if len(c.Rows) != 20 || !c.Rows[0].At.Equal(noon.Add(38*time.Minute)) || c.Rows[0].Values[0] != "1234" && c.Rows[0].Values[0] != "1235" {
		t.Errorf("%d rows, the first %+v", len(c.Rows), c.Rows[0])
	}
}

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 0.12345: "0.123", 99.95: "100", 123.4: "123", 9999: "9999", 12_345: "12.3k", 2_345_678: "2.35M"} {
		if got := dashboard.Number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]float64{-1: 1, 0: 1, 0.03: 0.04, 1: 1, 1.5: 2, 3: 4, 4.1: 5, 7: 10, 99: 100, 1001: 2000} {
		if got := dashboard.NiceTop(v); got < want*0.999 || got > want*1.001 {
			t.Errorf("the scale for %v ends at %v, want %v", v, got, want)
		}
	}
	for v, want := range map[float64]string{0.57: "57 %", 0.29: "29 %", 0.9999999: "99.99 %", 1: "100 %", 0: "0 %", 0.00001: "0.01 %", 0.12345: "12.35 %", 1.0 / 3: "33.33 %"} {
		if got := dashboard.Percent(&v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
	if got := dashboard.Percent(nil); got != "–" {
		t.Errorf("no share is written %s", got)
	}
}

// A step that is going on is no slack time: what came in it counts for the part
// that is over.
func TestRateOfTheStepThatIsGoingOn(t *testing.T) {
	t.Parallel()
	st := dashboard.Stats{Step: 60, Series: true}
	for i, at := range each(3, time.Minute) {
		st.Points = append(st.Points, dashboard.StatsPoint{At: at, Events: []int64{600, 600, 300}[i], Delivered: 60})
	}
	for over, want := range map[time.Duration]string{
		30 * time.Second: "10", // 300 in half a minute.
		20 * time.Second: "15",
		5 * time.Second:  "10", // Too short to tell: as in the minute before.
		time.Minute:      "5",
		time.Hour:        "5",
	} {
		c := st.Charts(noon.Add(2*time.Minute + over))[0]
		if c.Lines[0].Name != "events" || c.Lines[0].Now != want {
			t.Errorf("%s into the minute: %s a second, want %s", over, c.Lines[0].Now, want)
		}
		if whole := strings.Count(c.Lines[0].Path, "L") == 2; whole != (over >= 15*time.Second) {
			t.Errorf("%s into the minute: path %s", over, c.Lines[0].Path)
		}
	}
}
