package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"
)

// mediaLines is JSON, a value a line: the server tells by it how far it is.
const mediaLines = "application/x-ndjson"

// purgeLine is a line of such an answer: progress, or at last the answer.
type purgeLine struct {
	Progress *purgeAnswer    `json:"progress"`
	Status   int             `json:"status"`
	Body     json.RawMessage `json:"body"`
}

// purging is a call that erases, or counts what would be.
type purging struct {
	dryRun bool
	of     *purgeAnswer // What was counted before; nil when nothing was.
	so     purgeAnswer  // Far.
}

// callPurge makes a purge, or counts what one would erase, and shows how far it is.
func callPurge(ctx context.Context, conn *connection, io stdio, filter map[string]any, p purging) (*purgeAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(conn.Wait))
	defer cancel()
	body := maps.Clone(filter)
	body["dry_run"] = p.dryRun
	what := "Looking through the log and the memories"
	if !p.dryRun {
		what = "Erasing; it may be interrupted, and repeated"
	}
	w := showWork(io, what)
	defer w.end()
	resp, err := conn.open(ctx, http.MethodPost, "/v1/purge", nil, body, http.Header{"Accept": {mediaLines + ", application/json"}})
	if err != nil {
		return nil, p.cut(ctx, err)
	}
	defer resp.Body.Close()
	answer := &purgeAnswer{}
	if media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); media != mediaLines {
		if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
			return nil, p.cut(ctx, fmt.Errorf("the server's answer cannot be read: %w", err))
		}
		return answer, nil
	}
	if err := p.read(resp.Body, w, answer); err != nil {
		return nil, p.cut(ctx, err)
	}
	return answer, nil
}

// read follows the lines of an answer to the last one.
func (p *purging) read(body io.Reader, w *work, answer *purgeAnswer) error {
	lines := json.NewDecoder(body)
	for {
		var line purgeLine
		if err := lines.Decode(&line); err != nil {
			return errors.New("the connection broke")
		}
		switch {
		case line.Progress != nil:
			p.so = *line.Progress
			w.so(p.far())
		case line.Status/100 == 2:
			if err := json.Unmarshal(line.Body, answer); err != nil {
				return fmt.Errorf("the server's answer cannot be read: %w", err)
			}
			return nil
		default:
			refused := &problem{Title: http.StatusText(line.Status), Status: line.Status}
			_ = json.Unmarshal(line.Body, refused) // The status says enough.
			return refused
		}
	}
}

// far says how far it is, and of how much where that was counted.
func (p *purging) far() string {
	events, memories := plural(p.so.Events, "event"), plural(p.so.Memories, "memor")
	if p.of != nil {
		events, memories = fmt.Sprintf("%d of %s", p.so.Events, plural(p.of.Events, "event")), fmt.Sprintf("%d of %s", p.so.Memories, plural(p.of.Memories, "memor"))
	}
	return fmt.Sprintf("%s, %s, what was exchanged in %s", events, memories, plural(p.so.Attempts, "attempt"))
}

// cut says of a purge that did not come to its end what is to be done. What was
// refused before it began needs no words.
func (p *purging) cut(ctx context.Context, err error) error {
	var refused *problem
	switch {
	case p.dryRun, errors.As(err, &refused) && refused.final():
		return err
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled):
		err = errors.New("interrupted")
	}
	so := ""
	if p.so.Events+p.so.Memories+p.so.Attempts > 0 {
		so = " (at least " + p.far() + ")"
	}
	return fmt.Errorf("%w; what is erased stays erased%s: repeat the command to erase the rest", err, so)
}
