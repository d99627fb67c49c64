package lane

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
)

func TestAnOpenBreakerWithNothingToProbeRests(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) {
			s.Delay = func(int) (time.Duration, bool) { return 0, false }
		})
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonConnect), 0 })
		w.append(breakerTrip + 10)
		pass(24 * time.Hour)
		if n := look(w, func() int { return w.reads }); n > 1000 {
			t.Fatalf("%d reads of a log that holds nothing new", n)
		}
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 0 })
		w.append(50)
		pass(longestProbe)
		if s := w.lane.Status(); s.Health.BreakerOpen || w.attemptsOf(breakerTrip+60) != 1 {
			t.Errorf("after the listener came back: %+v; want everything delivered", s)
		}
	})
}

func TestProbesGoOnWhileNoRetryIsDue(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) {
			s.Delay = func(int) (time.Duration, bool) { return 6 * time.Hour, true }
		})
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonConnect), 0 })
		w.append(100)
		pass(time.Minute)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 0 })
		pass(longestProbe)
		if w.lane.Status().Health.BreakerOpen || w.attemptsOf(100) != 1 {
			t.Errorf("%+v: the listener answers, but the events wait for a retry that is due in hours", w.lane.Status())
		}
	})
}

func TestResumeAfterLongFailureGivesANewChance(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.DisableAfter = 5 * 24 * time.Hour })
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonConnect), 0 })
		w.append(3000)
		pass(6 * 24 * time.Hour)
		if w.disabledBy() == "" {
			t.Fatal("not disabled after 6 days of failure")
		}
		w.mu.Lock()
		w.disabled = ""
		w.mu.Unlock()
		before := len(w.callList())
		w.lane.SetActive(true, w.tailAt())
		synctest.Wait()
		if n := len(w.callList()) - before; n != 1 {
			t.Errorf("%d attempts at the resume; want one probe at once", n)
		}
		pass(4 * 24 * time.Hour)
		if why := w.disabledBy(); why != "" {
			t.Errorf("disabled again within 5 days of the resume: %s", why)
		}
		w.restart()
		pass(2 * 24 * time.Hour)
		if w.disabledBy() == "" {
			t.Error("not disabled after 5 further days of failure")
		}
	})
}

func TestARetryByHandWaitsForNoProbe(t *testing.T) {
	for name, act := range map[string]func(*Lane, alma.Position){
		"of one that waits":   func(l *Lane, p alma.Position) { l.Hurry(p) },
		"of one that is over": func(l *Lane, p alma.Position) { l.Retry(&Waiting{Position: p, Attempts: 1, Manual: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonConnect), 0 })
				w.append(100)
				pass(time.Minute) // Many retries are due by now, and wait for the next probe.
				last := int64(breakerTrip - 1)
				w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), time.Second })
				before := len(w.callList())
				act(w.lane, alma.Position{Seq: last})
				synctest.Wait()
				if calls := w.callList()[before:]; len(calls) != 1 || calls[0].positions[0] != last {
					t.Errorf("calls %+v; want the delivery that a person asked for", calls)
				}
			})
		})
	}
}

func TestWhatCannotBeEncodedSaysNothingOfTheListener(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonEncode), 0 })
		w.append(100)
		synctest.Wait()
		if h := w.lane.Status().Health; h.BreakerOpen || !h.FailingSince.IsZero() {
			t.Errorf("health %+v; the listener was never asked", h)
		}
	})
}

func TestAWarningComesADayBeforeTheEnd(t *testing.T) {
	for name, tc := range map[string]struct {
		after time.Duration
		warns bool
		ends  bool
	}{
		"five days": {5 * 24 * time.Hour, true, true},
		"half day":  {12 * time.Hour, false, true},
		"never":     {0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, func(s *Settings) { s.DisableAfter = tc.after })
				var warned time.Duration
				w.node.Logger = slog.New(noted(func(text string) {
					if strings.Contains(text, "will be disabled") {
						warned = time.Since(began)
					}
				}))
				w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonConnect), 0 })
				w.append(4000)
				pass(8 * 24 * time.Hour)
				if ends := w.disabledBy() != ""; ends != tc.ends {
					t.Errorf("disabled: %v; want %v", ends, tc.ends)
				}
				if from := tc.after - disableNotice; tc.warns && (warned < from || warned > from+longestProbe) || !tc.warns && warned > 0 {
					t.Errorf("warned after %v", warned)
				}
			})
		})
	}
}

// noted is a log handler that is told each message.
type noted func(text string)

func (n noted) Enabled(context.Context, slog.Level) bool      { return true }
func (n noted) Handle(_ context.Context, r slog.Record) error { n(r.Message); return nil }
func (n noted) WithAttrs([]slog.Attr) slog.Handler            { return n }
func (n noted) WithGroup(string) slog.Handler                 { return n }

func TestTheWindowFollowsTheListener(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.Window = 64 })
		inFlight := func(took time.Duration, out Outcome) int {
			w.setAnswer(func(*Job) (Outcome, time.Duration) { return out, took })
			w.append(500)
			pass(time.Minute)
			return look(w, func() int { n := w.most; w.most = 0; return n })
		}
		inFlight(100*time.Millisecond, succeed())
		if n := inFlight(time.Millisecond, succeed()); n != 64 {
			t.Errorf("%d at once after many successes; want the whole window of 64", n)
		}
		inFlight(time.Millisecond, failWith(alma.ReasonTimeout)) // The breaker opens in time.
		pass(24 * time.Hour)
		w.lane.mu.Lock()
		allowed := w.lane.pressure.allowed
		w.lane.mu.Unlock()
		if allowed != 1 {
			t.Errorf("%d allowed at once after many timeouts; want 1", allowed)
		}
	})
}
