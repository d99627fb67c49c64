package webhook_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

// A dead listener is dead over a restart too: it is probed, and not sent all
// that waits once more.
func TestTheBreakerStaysOpenOverARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RetryCount: new(20), RetryDelay: new(time.Hour)})
		e.listener.Answer(almatest.Status(502))
		ids := make([]string, 100)
		for i := range ids {
			ids[i] = fmt.Sprint("m-", i)
		}
		e.append(ids...)
		pass(20 * time.Minute)
		if s, err := e.Get(t.Context(), w.ID); err != nil || s.Health != webhook.Dead {
			t.Fatalf("health %q, %v; want a breaker that is open", s.Health, err)
		}
		before := len(e.got())
		e.restart()
		pass(20 * time.Minute)
		if probes := len(e.got()) - before; probes == 0 || probes > 6 {
			t.Errorf("%d requests in the 20 minutes after a restart; want a probe every five minutes", probes)
		}
		e.listener.Answer(almatest.Status(204))
		pass(24 * time.Hour)
		if s, err := e.Get(t.Context(), w.ID); err != nil || s.Health != webhook.Healthy || s.Lag+int64(s.Waiting) > 0 {
			t.Errorf("afterwards: %+v, %v; want everything delivered", s, err)
		}
	})
}
