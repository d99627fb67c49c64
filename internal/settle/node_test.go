package settle

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
)

func TestWhatASessionSaysAfterItsEndIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, o := &store{}, &owner{}
		var ended []string
		settler, _ := start(t, s, func(c *Config) {
			c.Fenced = func(node string) { ended = append(ended, node) }
		})
		settler.Begin("first")
		settler.Add(attempt(o, 1))
		synctest.Wait()
		s.fail(fmt.Errorf("settle: %w", alma.ErrFenced))
		settler.Add(attempt(o, 2), attempt(o, 3))
		time.Sleep(time.Hour)
		synctest.Wait()
		if s.tries != 2 {
			t.Errorf("the storage was asked %d times; one refusal is enough", s.tries-1)
		}
		if diff := cmp.Diff([]string{"first"}, ended); diff != "" {
			t.Errorf("sessions told to have ended (-want +got):\n%s", diff)
		}
		if o.count() != 1 || !settler.Healthy() {
			t.Errorf("%d outcomes are told to be durable; want the first alone", o.count())
		}
		s.fail(nil)
		settler.Begin("second")
		settler.Add(attempt(o, 4))
		synctest.Wait()
		if positions, _ := s.settled(); !cmp.Equal(positions, []int64{1, 4}) {
			t.Errorf("stored %v; want 1 and 4", positions)
		}
		if got := []string{s.groups[0].Node, s.groups[1].Node}; !cmp.Equal(got, []string{"first", "second"}) {
			t.Errorf("stored in the name of %v", got)
		}
	})
}

func TestANewSessionTakesNothingOverFromTheOneBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, o := &store{}, &owner{}
		var settler *Settler
		first := true
		settler, _ = start(t, s, func(c *Config) {
			c.Mark = func() Mark {
				if first {
					first = false
					settler.Begin("second") // The session ends while its mark is computed.
					return Mark{Watermark: alma.Position{Seq: 9}, Joined: []alma.Slot{5}}
				}
				return Mark{}
			}
		})
		settler.Begin("first")
		settler.Add(attempt(o, 1))
		synctest.Wait()
		settler.Add(attempt(o, 2))
		synctest.Wait()
		positions, _ := s.settled()
		if !cmp.Equal(positions, []int64{2}) || !s.groups[0].Watermark.IsZero() || len(s.groups[0].Joined) > 0 {
			t.Errorf("groups %+v; want one, of what the second session recorded", s.groups)
		}
	})
}

func TestFlushWaitsUntilWhatWasRecordedIsDurable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, o := &store{}, &owner{}
		settler, _ := start(t, s, nil)
		s.fail(errors.New("away"))
		settler.Add(attempt(o, 1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := settler.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush while nothing can be stored: %v; want the context's error", err)
		}
		time.AfterFunc(time.Hour, func() { s.fail(nil) })
		if err := settler.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if positions, _ := s.settled(); !cmp.Equal(positions, []int64{1}) {
			t.Errorf("stored %v when the flush returned; want 1", positions)
		}
	})
}
