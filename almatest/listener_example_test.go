package almatest_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/wire"
)

// A listener in a test: it fails twice, then takes the delivery.
func ExampleNewListener() {
	test := func(t *testing.T) {
		l := almatest.NewListener(t, almatest.WithSecret("your-secret-key"))
		l.FailTimes(2, http.StatusInternalServerError)

		for range 3 { // Here a webhook would be registered at l.URL().
			deliver(t.Context(), l.URL())
		}
		events := l.WaitEvents(t.Context(), 1)
		if events[0].ID != "evt_1" || len(l.Requests()) != 3 {
			t.Errorf("got %v in %d requests", events, len(l.Requests()))
		}
	}
	_ = test // go test calls it.
}

func deliver(ctx context.Context, url string) {
	body := []byte(`{"event_type":"CREATED","memory_id":"mem_1","event_id":"evt_1","data":{}}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set(wire.HeaderSignature, wire.SignAlma("your-secret-key", body))
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close() // The listener has recorded it.
	}
}
