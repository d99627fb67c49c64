package api_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma/internal/server/api"
)

// Who asks how the webhooks do while another looks waits for what that sees; it is
// told for a second, to each project its own, and longer where looking takes long.
func TestStandingsAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s api.Standings
		var looks int
		var failure error
		look := func() (int, error) {
			looks++
			time.Sleep(100 * time.Millisecond)
			return looks, failure
		}
		ask := func(project string, want int) {
			t.Helper()
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					if got, err := s.Of(t.Context(), project, look); err != nil || got != want {
						t.Errorf("told of look %d, %v; want %d", got, err, want)
					}
				})
			}
			all.Wait()
		}
		ask("", 1)
		ask("", 1)
		ask("p", 2)
		time.Sleep(time.Second)
		ask("", 3)

		time.Sleep(time.Second)
		failure = errors.New("broken")
		if _, err := s.Of(t.Context(), "", look); !errors.Is(err, failure) {
			t.Errorf("a look that failed: %v", err)
		}
		failure = nil
		ask("", 5)

		time.Sleep(time.Second)
		began := make(chan struct{})
		go func() {
			_, _ = s.Of(t.Context(), "", func() (int, error) {
				close(began)
				time.Sleep(time.Minute)
				return 6, nil
			})
		}()
		<-began
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		if _, err := s.Of(ctx, "", look); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who does not wait so long: %v", err)
		}
		ask("", 6)
		time.Sleep(3 * time.Minute)
		ask("", 6)
		time.Sleep(2 * time.Minute)
		looks = 6
		ask("", 7)
	})
}
