package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/alma-events/alma"
)

var concurrencyCases = []testCase{
	{"Follow", "a reader that follows the log while many append meets every event once and in order: a webhook's cursor relies on it", testFollow},
	{"SameID", "of many appends of one id one is new, and all say the same position", testSameID},
	{"OneWinner", "of many changes that expect one version one is made", testOneWinner},
	{"Everything", "all methods may be called at once", testEverything},
	{"CancelledAppends", "an append whose context ends while it waits is stored wholly or not at all, and its answer says which when it is nil", testCancelledAppends},
}

// together runs f n times at once and waits.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func testFollow(e *env) {
	const writers, calls = 8, 40
	watch := e.Watch(e.ctx)
	go together(writers, func(w int) {
		for c := range calls {
			events := make([]alma.Event, 1+c%3)
			for i := range events {
				events[i] = e.event(fmt.Sprintf("%d-%d-%d", w, c, i))
			}
			if _, err := e.Append(e.ctx, events); err != nil {
				e.Errorf("append: %v", err)
				return
			}
		}
	})
	want := 0
	for c := range calls {
		want += writers * (1 + c%3)
	}
	seen := map[string]bool{}
	for last := (alma.Position{}); len(seen) < want; {
		page, err := e.Read(e.ctx, last, 7)
		e.check(err, "read")
		for _, ev := range page.Events {
			if seen[ev.ID] || !last.Before(ev.Position) {
				e.Fatalf("%s at %s was seen before, or lies before %s", ev.ID, ev.Position, last)
			}
			seen[ev.ID], last = true, ev.Position
		}
		if len(page.Events) == 0 {
			e.await(watch, fmt.Sprintf("%d of %d events were read", len(seen), want))
		}
	}
}

func testSameID(e *env) {
	const n = 20
	events := []alma.Event{e.event("same"), e.event("other")}
	var fresh atomic.Int64
	answers := make([][]alma.Appended, n)
	together(n, func(i int) {
		var err error
		if answers[i], err = e.Append(e.ctx, events); err != nil {
			e.Errorf("append: %v", err)
			return
		}
		if !answers[i][0].Duplicate {
			fresh.Add(1)
		}
	})
	e.equal(fresh.Load(), int64(1), "number of appends that were the first")
	for _, a := range answers {
		e.equal([]alma.Position{a[0].Position, a[1].Position}, []alma.Position{answers[0][0].Position, answers[0][1].Position}, "positions")
	}
}

func testOneWinner(e *env) {
	const n = 20
	e.save(memory("a", "one"))
	w := e.webhook("wh_1")
	var won, updated atomic.Int64
	together(n, func(i int) {
		m := memory("a", strconv.Itoa(i), func(m *alma.Memory) { m.Version = 2 })
		_, err := e.ApplyMemories(e.ctx, []alma.MemoryChange{{Memory: m, ExpectVersion: 1}}, []alma.Event{e.event(strconv.Itoa(i))})
		count(e, err, &won)
		_, err = e.UpdateWebhook(e.ctx, w)
		count(e, err, &updated)
	})
	e.equal([]int64{won.Load(), updated.Load()}, []int64{1, 1}, "numbers of winners")
	e.equal(len(e.readAll(alma.Position{})), 1, "number of events of winners")
}

func count(e *env, err error, won *atomic.Int64) {
	switch {
	case err == nil:
		won.Add(1)
	case !errors.Is(err, alma.ErrConflict):
		e.Errorf("got %v; want a conflict", err)
	}
}

func testEverything(e *env) {
	e.webhook("wh_0")
	steps := []func(i int) error{
		func(i int) error { _, err := e.Append(e.ctx, []alma.Event{e.event(fmt.Sprint("e", i))}); return err },
		func(int) error {
			return e.Settle(e.ctx, alma.Settlement{Watermark: e.horizon(), Attempts: []alma.SettledAttempt{success("wh_0", e.horizon())}})
		},
		func(i int) error {
			_, err := e.ApplyMemories(e.ctx, []alma.MemoryChange{{Memory: memory(fmt.Sprint("m", i), "words")}}, nil)
			return err
		},
		func(i int) error {
			id := fmt.Sprint("wh_x", i)
			e.webhook(id)
			return e.DeleteWebhook(e.ctx, id)
		},
		func(int) error { _, err := e.FindDeliveries(e.ctx, alma.DeliveryQuery{}); return err },
		func(int) error { _, err := e.FindEvents(e.ctx, alma.EventQuery{Agent: "agent"}); return err },
		func(int) error {
			_, err := e.SearchMemories(e.ctx, alma.MemorySearch{Text: "words", Agent: "agent", ProjectID: "project", Limit: 3})
			return err
		},
		func(int) error { _, err := e.Checkpoint(e.ctx); return err },
		func(i int) error { return e.CreateKey(e.ctx, apiKey(fmt.Sprint("key_", i))) },
		func(int) error { _, err := e.Webhooks(e.ctx); return err },
	}
	together(len(steps)*3, func(i int) {
		for n := range 10 {
			if err := steps[i%len(steps)](i*100 + n); err != nil {
				e.Errorf("step %d: %v", i%len(steps), err)
				return
			}
		}
	})
	e.equal(len(e.readAll(alma.Position{})), 30, "number of events")
}

func testCancelledAppends(e *env) {
	const n = 40
	var stored sync.Map
	together(n, func(i int) {
		ctx, cancel := context.WithCancel(e.ctx)
		go cancel()
		a, b := fmt.Sprintf("%d-a", i), fmt.Sprintf("%d-b", i)
		if _, err := e.Append(ctx, []alma.Event{e.event(a), e.event(b)}); err == nil {
			stored.Store(a, true)
		}
		cancel()
	})
	e.append(e.event("last"))
	got := map[string]bool{}
	for _, ev := range e.readAll(alma.Position{}) {
		got[ev.ID] = true
	}
	for i := range n {
		a, b := fmt.Sprintf("%d-a", i), fmt.Sprintf("%d-b", i)
		if got[a] != got[b] {
			e.Fatalf("half of append %d was stored", i)
		}
		if _, ok := stored.Load(a); ok && !got[a] {
			e.Fatalf("append %d succeeded, but was not stored", i)
		}
	}
}
