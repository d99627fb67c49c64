package alma_test

import (
	"regexp"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/alma-events/alma"
)

func TestIDForms(t *testing.T) {
	t.Parallel()
	const uuid7 = `[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`
	for form, id := range map[string]string{
		`evt_` + uuid7:     alma.NewEventID(),
		uuid7:              alma.NewMemoryID(),
		`bat_` + uuid7:     alma.NewBatchID(),
		`wh_[a-z2-7]{16}`:  alma.NewWebhookID(),
		`key_[a-z2-7]{16}`: alma.NewKeyID(),
		`[a-z2-7]{52}`:     alma.NewSecret(),
	} {
		if !regexp.MustCompile(`^` + form + `$`).MatchString(id) {
			t.Errorf("%q has not the form %s", id, form)
		}
	}
}

func TestEventIDsIncrease(t *testing.T) {
	t.Parallel()
	last := ""
	for range 10_000 {
		id := alma.NewEventID()
		if id <= last {
			t.Fatalf("%q follows %q", id, last)
		}
		last = id
	}
}

func TestEventIDsAreUnique(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				id := alma.NewEventID()
				mu.Lock()
				if seen[id] {
					t.Errorf("%q twice", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func positions() *rapid.Generator[alma.Position] {
	return rapid.Custom(func(t *rapid.T) alma.Position {
		return alma.Position{Xact: rapid.Uint64().Draw(t, "xact"), Seq: rapid.Int64Min(0).Draw(t, "seq")}
	})
}

func TestDeliveryID(t *testing.T) {
	t.Parallel()
	if got, want := alma.DeliveryID("wh_abc", alma.Position{Seq: 87}), "dlv_abc_2f"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		webhook := rapid.StringMatching(`wh_[a-z2-7_]{1,20}`).Draw(t, "webhook")
		pos := positions().Draw(t, "position")
		gotWebhook, gotPos, err := alma.ParseDeliveryID(alma.DeliveryID(webhook, pos))
		if err != nil || gotWebhook != webhook || gotPos != pos {
			t.Fatalf("%s at %v came back as %s at %v: %v", webhook, pos, gotWebhook, gotPos, err)
		}
	})
	for _, bad := range []string{"", "dlv_", "dlv__1", "dlv_abc", "dlv_abc_", "dlv_abc_-1", "dlv_abc_1.", "evt_abc_1", "dlv_abc_1.2.3"} {
		if _, _, err := alma.ParseDeliveryID(bad); err == nil {
			t.Errorf("%q was taken for a delivery id", bad)
		}
	}
}
