package bench_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/internal/bench"
	"github.com/alma-events/alma/internal/server/api"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

// open assembles an engine as the program does.
func open(t *testing.T) func(context.Context, string) (*bench.Engine, error) {
	t.Helper()
	dir := t.TempDir()
	quiet := slog.New(slog.DiscardHandler)
	return func(ctx context.Context, name string) (*bench.Engine, error) {
		store, err := sqlite.Open(ctx, filepath.Join(dir, name+".db"), sqlite.Options{})
		if err != nil {
			return nil, err
		}
		emitter := events.New(events.Config{Logger: quiet})
		m, err := webhook.New(webhook.Config{Storage: store, Emitter: emitter, Logger: quiet, Grace: time.Second, AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
		if err != nil {
			return nil, err
		}
		if err := m.Start(ctx); err != nil {
			return nil, err
		}
		mem, err := memory.New(memory.Config{Storage: store, Emitter: emitter, Logger: quiet})
		if err != nil {
			return nil, err
		}
		rest, err := api.New(api.Config{Manager: m, Memory: mem, Store: store, Logger: quiet})
		if err != nil {
			return nil, err
		}
		key := api.NewKey()
		if _, _, err := api.Bootstrap(ctx, store, key); err != nil {
			return nil, err
		}
		srv := httptest.NewServer(rest)
		stop := func(ctx context.Context) error {
			rest.Close()
			srv.Close()
			return errors.Join(m.Shutdown(ctx), emitter.Close(ctx), store.Close())
		}
		return &bench.Engine{Manager: m, URL: srv.URL, Key: key, Stop: stop}, nil
	}
}

// TestEveryCaseRuns runs all cases, small: what they measure here means nothing.
func TestEveryCaseRuns(t *testing.T) {
	t.Parallel()
	results, err := bench.Run(t.Context(), bench.Config{
		Open: open(t), Events: 400, Backlog: 1000, Paced: 20,
		Only:     []string{"append", "fanout10", "fanout100", "rest-single", "rest-batch", "rest-fanout", "latency", "hanging", "backlog"},
		Progress: func(string, int, int) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + 2 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 4 + 1; len(results) != want {
		t.Errorf("%d results; want %d", len(results), want)
	}
	for _, r := range results {
		if r.Case == "" || r.Title == "" || r.Figure == "" || r.Goal != "" && r.Met == nil {
			t.Errorf("incomplete: %+v", r)
		}
		if r.Unit == "deliveries/s" && r.Ratio > 0 && r.Case != "backlog" && r.Bare <= 0 {
			t.Errorf("nobody can check its ratio: %+v", r)
		}
	}
}

func TestUnknownCase(t *testing.T) {
	t.Parallel()
	_, err := bench.Run(t.Context(), bench.Config{Open: open(t), Only: []string{"apend"}})
	if err == nil || !strings.Contains(err.Error(), `no case "apend"; want some of emitter, append`) {
		t.Errorf("error %v; want one that lists the cases", err)
	}
}
