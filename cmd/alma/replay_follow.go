package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// How often a replay is looked at, and how often a line is printed where
// nobody watches a bar.
const (
	followEvery = 300 * time.Millisecond
	lineEvery   = 5 * time.Second
)

// followReplay watches a replay until it has ended. It fails when the replay
// ended otherwise than done, or events have failed for good.
func followReplay(ctx context.Context, conn *connection, io stdio, id, output string) error {
	f := follower{io: io, bar: isTerminal(io.err), began: time.Now()}
	for {
		var raw json.RawMessage
		if err := conn.call(ctx, http.MethodGet, replayPath(id, ""), nil, nil, &raw); err != nil {
			f.clear()
			if ctx.Err() != nil {
				return fmt.Errorf("no longer watching; %s goes on: alma replay follow %s", id, id)
			}
			return err
		}
		var r replayAnswer
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("the server's answer cannot be read: %w", err)
		}
		if r.ended() {
			f.clear()
			return f.end(&r, raw, output)
		}
		f.show(&r)
		if !rest(ctx, followEvery) {
			f.clear()
			return fmt.Errorf("no longer watching; %s goes on: alma replay follow %s", id, id)
		}
	}
}

// rest waits; false when ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// follower shows the progress of a replay: a bar on a terminal, else a line
// now and then.
type follower struct {
	io      stdio
	bar     bool
	began   time.Time
	first   int64 // Events looked at when watching began.
	seen    bool
	printed time.Time
	last    string // The line that was printed last.
}

func (f *follower) show(r *replayAnswer) {
	if !f.seen {
		f.seen, f.first = true, r.Looked
	}
	line := f.line(r)
	if f.bar {
		width := terminalWidth(f.io.err)
		fmt.Fprint(f.io.err, "\r\x1b[K"+shorten(visible(drawBar(r.Progress)+" "+line), max(20, width-1)))
		return
	}
	if line == f.last || time.Since(f.printed) < lineEvery {
		return
	}
	f.last, f.printed = line, time.Now()
	fmt.Fprintln(f.io.err, visible(line))
}

// line says in words how far the replay is, how fast, and for how long yet.
func (f *follower) line(r *replayAnswer) string {
	text := fmt.Sprintf("%s of %d, %s", percent(r.Progress), r.Total, r.counts())
	if r.State != "running" || r.WaitsFor != "" {
		return text + ", " + r.stands()
	}
	perSecond := float64(r.Looked-f.first) / max(0.001, time.Since(f.began).Seconds())
	if perSecond <= 0 {
		return text
	}
	left := time.Duration(float64(max(0, r.Total-r.Looked)) / perSecond * float64(time.Second))
	return fmt.Sprintf("%s, %.0f/s, %s left", text, perSecond, left.Round(time.Second))
}

const barWidth = 24

func drawBar(progress float64) string {
	full := min(barWidth, int(progress*barWidth))
	return "[" + strings.Repeat("█", full) + strings.Repeat("·", barWidth-full) + "]"
}

func (f *follower) clear() {
	if f.bar {
		fmt.Fprint(f.io.err, "\r\x1b[K")
	}
}

// end says what became of the replay.
func (f *follower) end(r *replayAnswer, raw json.RawMessage, output string) error {
	if output == "json" {
		if err := printJSON(f.io.out, raw); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(f.io.out, "%s is %s: %s\n", r.ID, visible(r.stands()), r.counts())
	}
	switch {
	case r.State != "done":
		return fmt.Errorf("the replay is %s", r.stands())
	case r.Failed > 0:
		return errors.New("some deliveries failed for good; see: alma delivery list --status failed --webhook " + r.WebhookID)
	}
	return nil
}
