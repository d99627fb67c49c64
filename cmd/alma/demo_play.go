package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/memory"
)

// play changes memories, step by step, and waits for the deliveries of each.
func (d *demo) play(ctx context.Context) error {
	out := d.io.out
	known, err := d.node.memory.List(ctx, alma.MemoryQuery{Agent: "demo", ProjectID: "demo", Cursor: alma.Cursor{Limit: alma.MaxPageSize}})
	if err != nil {
		return err //nolint:wrapcheck // It names the operation.
	}
	if n := len(known.Items); n > 0 {
		fmt.Fprintf(out, "Found the memories of an earlier demo: %d.\n", n)
	}
	for _, step := range []struct {
		title string
		run   func(context.Context, io.Writer) (events int, err error)
	}{
		{"Saving three memories", d.save},
		{"Updating one", d.update},
		{"Searching for \"form validation\"", d.retrieve},
		{"Merging the two that say the same", d.consolidate},
		{"Deleting the preference", d.remove},
	} {
		fmt.Fprintln(out, style(out, bold, step.title))
		n, err := step.run(ctx, out)
		if err != nil {
			return err
		}
		if err := d.await(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// await waits until n more deliveries have arrived.
func (d *demo) await(ctx context.Context, n int) error {
	d.expected += n
	timeout := time.NewTimer(10 * time.Second)
	defer timeout.Stop()
	for {
		d.mu.Lock()
		done := d.arrived >= d.expected
		d.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-d.counts:
		case <-timeout.C:
			return errors.New("the delivery did not arrive within 10 s; look at the log above")
		case <-ctx.Done():
			return nil
		}
	}
}

const demoHeuristic = "demo-validate-forms"

func (d *demo) save(ctx context.Context, _ io.Writer) (int, error) {
	saved, err := d.node.memory.SaveBatch(ctx,
		alma.Heuristic{ID: demoHeuristic, Agent: "demo", ProjectID: "demo", Condition: "a form with many fields", Strategy: "Validate the form step by step", Confidence: 0.7, OccurrenceCount: 3},
		alma.Heuristic{Agent: "demo", ProjectID: "demo", Condition: "a long form", Strategy: "validate the form step by step", Confidence: 0.9, OccurrenceCount: 2},
		alma.Preference{ID: "demo-tone", Agent: "demo", ProjectID: "demo", Category: "tone", Preference: "Short answers", Confidence: 1},
	)
	return len(saved), err
}

func (d *demo) update(ctx context.Context, _ io.Writer) (int, error) {
	_, err := d.node.memory.Update(ctx, demoHeuristic, 0, []byte(`{"confidence":0.8,"success_count":2}`))
	return 1, err //nolint:wrapcheck // It names the operation.
}

func (d *demo) retrieve(ctx context.Context, out io.Writer) (int, error) {
	found, err := d.node.memory.Retrieve(ctx, memory.Query{Text: "form validation", Agent: "demo", ProjectID: "demo", Limit: 3})
	if err != nil {
		return 0, err //nolint:wrapcheck // It names the operation.
	}
	for _, m := range found.Memories {
		fmt.Fprintf(out, "    %.2f  %s\n", m.Score, mainText(&m.Memory))
	}
	return 1, nil
}

func (d *demo) consolidate(ctx context.Context, _ io.Writer) (int, error) {
	report, err := d.node.memory.Consolidate(ctx, memory.Request{Agent: "demo", ProjectID: "demo", Type: alma.TypeHeuristic})
	return len(report.Groups), err //nolint:wrapcheck // It names the operation.
}

func (d *demo) remove(ctx context.Context, _ io.Writer) (int, error) {
	return 1, d.node.memory.Delete(ctx, "demo-tone")
}
