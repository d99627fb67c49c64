package webhook_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
)

func TestFailedAttemptsAreLoggedOnceAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.listener.Answer(almatest.Status(http.StatusInternalServerError))
		w := e.add(alma.WebhookConfig{RetryCount: new(0)})
		lines := func() []string {
			var found []string
			for line := range strings.Lines(e.logs.String()) {
				if strings.Contains(line, `"an attempt failed"`) {
					found = append(found, line)
				}
			}
			return found
		}
		for i := range 5 {
			e.append(fmt.Sprint(i))
			pass(time.Second)
		}
		got := lines()
		if len(got) != 1 {
			t.Fatalf("%d lines for five failures within a minute: %q", len(got), got)
		}
		for _, want := range []string{"level=WARN", "webhook=" + w.ID, "reason=status_5xx", "suppressed=0", "attempt=1", "delivery="} {
			if !strings.Contains(got[0], want) {
				t.Errorf("the line lacks %s: %s", want, got[0])
			}
		}
		pass(time.Minute)
		e.append("later")
		pass(time.Second)
		if got = lines(); len(got) != 2 || !strings.Contains(got[1], "suppressed=4") {
			t.Errorf("after a minute: %q; want a second line that counts the four without one", got)
		}
		other := e.add(alma.WebhookConfig{RetryCount: new(0), Events: []alma.EventType{alma.Deleted}})
		ev := event("m")
		ev.Type = alma.Deleted
		if _, err := e.Append(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if got = lines(); len(got) != 3 || !strings.Contains(got[2], other.ID) {
			t.Errorf("another webhook's first failure has no line of its own: %q", got)
		}
	})
}
