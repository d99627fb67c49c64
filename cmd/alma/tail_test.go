package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A tail goes on behind the last whole message: one without data counts, as
// the place that the stream has reached; one that broke off does not.
func TestEventTailKeepsThePlaceOfTheStream(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 2)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Last-Event-ID")
		w.Header().Set("Last-Event-ID", "3")
		_, _ = io.WriteString(w, "id: 3\n\nid: 5\ndata: {\"event_type\":\"CREATED\",\"memory_id\":\"seen\"}\n\n: still here\nid: 7\n\nid: 9\n")
	}))
	t.Cleanup(srv.Close)
	ctx, stop := context.WithCancel(t.Context())
	out, done := newOutput(), make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"event", "tail", "--server", srv.URL, "--api-key", "alma_x"}, stdio{strings.NewReader(""), out, out})
	}()
	first, second := <-asked, <-asked
	stop()
	<-done
	if first != "" || second != "7" {
		t.Errorf("it asked for %q, then for %q; want the last whole place, 7\n%s", first, second, out)
	}
}
