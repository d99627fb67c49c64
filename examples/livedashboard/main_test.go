package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
)

// get opens a page of the dashboard.
func get(t *testing.T, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestRun(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	reader, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, out, "127.0.0.1:0", time.Millisecond) }()

	line, err := bufio.NewReader(reader).ReadString('\n')
	url := regexp.MustCompile(`http://[0-9.:]+/`).FindString(line)
	if err != nil || url == "" {
		t.Fatalf("printed %q, %v; want an address", line, err)
	}
	html, err := io.ReadAll(get(t, url).Body)
	if err != nil || !strings.Contains(string(html), `new EventSource("events")`) {
		t.Errorf("the page is %q, %v; want one that listens", html, err)
	}
	stream := get(t, url+"events")
	if got := stream.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("the stream is of type %q; want text/event-stream", got)
	}
	message, err := bufio.NewReader(stream.Body).ReadString('\n')
	want := regexp.MustCompile(`^data: \{"agent":"qa_tester","memory":\{"task_description":"Tested \\u003cform\\u003e no. \d+","success":(true|false)\},"type":"CREATED"\}\n$`)
	if err != nil || !want.MatchString(message) {
		t.Errorf("got %q, %v; want an event", message, err)
	}

	// Ending the program ends the streams as well.
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestASlowBrowserHoldsNobodyUp: what it cannot take is left out for it alone.
func TestASlowBrowserHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	d := newDashboard()
	slow := make(chan []byte, backlog)
	d.browsers[slow] = struct{}{}
	for range backlog + 10 {
		if err := d.broadcast(t.Context(), sample()); err != nil {
			t.Fatal(err)
		}
	}
	if len(slow) != backlog {
		t.Errorf("%d messages wait; want %d", len(slow), backlog)
	}
}

func sample() *alma.Event {
	return &alma.Event{Type: alma.Created, MemoryID: "m1", Agent: "qa", Data: []byte(`{}`)}
}
