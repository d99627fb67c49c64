package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// purgeServer answers purges with what a step of the test says.
func purgeServer(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, tell func(line string))) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // Else the server does not see that the client is gone.
		if !strings.Contains(r.Header.Get("Accept"), mediaLines) {
			t.Errorf("the command accepts %q", r.Header.Get("Accept"))
		}
		answer(w, r, func(line string) {
			w.Header().Set("Content-Type", mediaLines)
			fmt.Fprintln(w, line)
			w.(http.Flusher).Flush()
		})
	}))
	t.Cleanup(s.Close)
	return s.URL
}

const someErased = `{"progress":{"events":250,"memories":3,"attempts":7,"deliveries":0}}`

// A purge that does not come to its end says what is erased, and that it can be
// repeated; one that was refused at once says that alone.
func TestPurgeThatIsCutShort(t *testing.T) {
	t.Parallel()
	const repeat, so = "repeat the command to erase the rest", "at least 250 events, 3 memories, what was exchanged in 7 attempts"
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request, tell func(string))
		want   []string
	}{
		"the server goes away": {func(_ http.ResponseWriter, _ *http.Request, tell func(string)) {
			tell(someErased)
			panic(http.ErrAbortHandler)
		}, []string{"the connection broke", so, repeat}},
		"the store goes away": {func(_ http.ResponseWriter, _ *http.Request, tell func(string)) {
			tell(someErased)
			tell(`{"status":503,"body":{"title":"Service Unavailable","status":503,"detail":"the store cannot be reached"}}`)
		}, []string{"the store cannot be reached", so, repeat}},
		"it is refused": {func(w http.ResponseWriter, _ *http.Request, _ func(string)) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"title":"Forbidden","status":403,"detail":"a key of the role read may not make this call"}`)
		}, []string{"a key of the role read may not make this call"}},
	} {
		url := purgeServer(t, c.answer)
		code, _, errs := command(t, "", "purge", "--agent", "ann", "--yes", "--server", url, "--api-key", "k")
		if code != exitFailed {
			t.Errorf("%s: exit %d", name, code)
		}
		wants(t, name, errs, c.want...)
		if len(c.want) == 1 && strings.Contains(errs, "repeat") {
			t.Errorf("%s: %s", name, errs)
		}
	}
}

func TestPurgeInterrupted(t *testing.T) {
	t.Parallel()
	began := make(chan struct{}, 1)
	url := purgeServer(t, func(_ http.ResponseWriter, r *http.Request, tell func(string)) {
		tell(someErased)
		began <- struct{}{}
		<-r.Context().Done()
	})
	ctx, ctrlC := context.WithCancel(t.Context())
	out := newOutput()
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"purge", "--agent", "ann", "--yes", "--server", url, "--api-key", "k"}, stdio{strings.NewReader(""), out, out})
	}()
	<-began
	ctrlC()
	if code := <-done; code != exitFailed {
		t.Errorf("exit %d", code)
	}
	wants(t, "an interrupted purge", out.String(), "interrupted", "repeat the command to erase the rest")
}

// Where nobody watches a terminal, how far a purge is stands in a line now and then.
func TestPurgeTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := newOutput()
		w := showWork(stdio{strings.NewReader(""), out, out}, "Erasing")
		p := purging{of: &purgeAnswer{Events: 1000, Memories: 1}, so: purgeAnswer{Events: 250, Attempts: 1}}
		w.so(p.far())
		if got := out.String(); got != "" {
			t.Errorf("printed at once: %s", got)
		}
		time.Sleep(lineEvery)
		w.so(p.far())
		w.so(p.far())
		w.end()
		if got, want := out.String(), "Erasing … 5s; 250 of 1000 events, 0 of 1 memory, what was exchanged in 1 attempt\n"; got != want {
			t.Errorf("printed %q, want %q", got, want)
		}
	})
}
