package crashtest

import (
	"database/sql"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // To check the file.
)

// TestNothingIsLostOverManyLives is the whole test; see the package's comment.
func TestNothingIsLostOverManyLives(t *testing.T) {
	t.Parallel()
	lives, seed := setting(t, "ALMA_CRASH_LIVES", 8), uint64(setting(t, "ALMA_CRASH_SEED", int(rand.Uint32())))
	t.Logf("repeat with ALMA_CRASH_LIVES=%d ALMA_CRASH_SEED=%d", lives, seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	w, lis := newWorld(), newListener(t, seed)
	db := filepath.Join(t.TempDir(), "alma.db")
	torn := 0
	for range lives {
		if w.live(t, db, rng, lis) {
			torn++
		}
		if t.Failed() {
			return
		}
	}
	l := start(t, db)
	lis.behave()
	w.resumeAll(t, l)
	w.drained(t, l, lis)
	w.replayed(t, l)
	w.check(t, l, lis)
	l.kill()
	intact(t, db)
	acked := 0
	for _, e := range w.events {
		if e.acked {
			acked++
		}
	}
	t.Logf("%d lives, %d of them ended like a power cut; %d webhooks, %d events acknowledged of %d", lives, torn, len(w.hooks), acked, len(w.events))
}

func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%q: want a number", name, text)
	}
	return n
}

// live is one life: several callers at once, and a kill in the middle. It
// reports whether the end was that of a power cut.
func (w *world) live(t *testing.T, db string, rng *rand.Rand, lis *listener) bool {
	t.Helper()
	l := start(t, db)
	w.wake(t, l, lis)
	base := lis.URL
	w.lives++
	var callers sync.WaitGroup
	stop := make(chan struct{})
	for range 1 + rng.IntN(4) {
		own := rand.New(rand.NewPCG(rng.Uint64(), 3))
		callers.Go(func() { w.act(l, own, base, stop) })
	}
	<-time.After(time.Duration(rng.IntN(400)) * time.Millisecond)
	if rng.IntN(3) > 0 {
		l.kill()
		close(stop)
		callers.Wait()
		return false
	}
	close(stop)
	callers.Wait()
	return w.powerCut(l, db, rng)
}

// act does one thing after another until the life ends.
func (w *world) act(l *life, rng *rand.Rand, base string, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-l.done:
			return
		default:
		}
		switch n := rng.IntN(20); {
		case n < 14:
			w.appendSome(l, rng)
		case n < 15:
			w.addHook(l, rng, base)
		case n < 18:
			w.edit(l, rng)
		default:
			w.save(l, rng)
		}
	}
}

// powerCut notes how far the log is acknowledged, goes on for a moment with
// calls whose answers nobody hears, and tears what was written by then.
func (w *world) powerCut(l *life, db string, rng *rand.Rand) bool {
	wal := db + "-wal"
	keep, salt := walEnd(wal)
	heard := false
	var callers sync.WaitGroup
	for range 1 + rng.IntN(4) {
		own := rand.New(rand.NewPCG(rng.Uint64(), 4))
		callers.Go(func() {
			if w.appendSome(l, own) {
				w.mu.Lock()
				defer w.mu.Unlock()
				heard = true
			}
		})
	}
	<-time.After(time.Duration(rng.IntN(3000)) * time.Microsecond)
	l.kill()
	callers.Wait()
	if heard || !tear(wal, keep, salt, rng) {
		return false
	}
	w.lives++ // Outcomes of the last moment are gone with it, though they had been synced.
	return true
}

// intact asks SQLite whether the file is whole.
func intact(t *testing.T, db string) {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+db)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close() // It is only read.
	var verdict string
	if err := pool.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("the database is broken: %s, %v", verdict, err)
	}
}
