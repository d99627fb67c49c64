package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// waits watches a connection that makes the database ready: whether it waits
// for somebody, and for whom. It has a connection of its own, once the first
// moments have passed.
type waits struct {
	config *pgx.ConnConfig
	pid    uint32 // Of the process that is watched.
	log    *slog.Logger
	stop   context.CancelFunc
	ended  chan struct{}

	mu      sync.Mutex
	holders []lockHolder // Those that were met last.
}

// When the watch begins, how often it looks, and how often the log hears of it.
const (
	watchWaitsAfter = time.Second
	watchWaitsEvery = 100 * time.Millisecond
	watchWaitsSay   = 10 * time.Second
)

// lockHolder is a process that holds what another one waits for.
type lockHolder struct {
	pid         int // 0 for a prepared transaction.
	application string
	user        string
	state       string
	words       string        // The first of its statement.
	age         time.Duration // Of its transaction; 0 when the user may not see it.
	vacuum      bool          // It is a worker of the server's own: autovacuum.
	table       string        // What is waited for, if it is a table.
}

// watchWaits begins to watch; end must be called.
func watchWaits(ctx context.Context, config *pgx.ConnConfig, conn *pgx.Conn, log *slog.Logger) *waits {
	ctx, stop := context.WithCancel(ctx)
	w := &waits{config: config, pid: conn.PgConn().PID(), log: log, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		w.watch(ctx)
	}()
	return w
}

// end ends the watch, and adds to an error who was in the way.
func (w *waits) end(err error) error {
	w.stop()
	<-w.ended
	met := w.met()
	// A context may end while it waits.
	if code(err) == codeLockTimeout || code(err) == codeDeadlock || errors.Is(err, context.DeadlineExceeded) && len(met) > 0 {
		return &heldError{met, err}
	}
	return err
}

// met returns who was in the way last.
func (w *waits) met() []lockHolder {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.holders
}

func (w *waits) watch(ctx context.Context) {
	pause(ctx, watchWaitsAfter)
	began, said := time.Now(), time.Time{}
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			hangUp(conn) //nolint:errcheck // It is needed no more.
		}
	}()
	for ctx.Err() == nil {
		var err error
		if conn == nil || conn.IsClosed() {
			conn, err = pgx.ConnectConfig(ctx, w.config)
		}
		if err == nil {
			err = w.look(ctx, conn)
		}
		met := w.met()
		first := len(met) > 0 && said.IsZero()
		if due := time.Since(said) >= watchWaitsSay && time.Since(began) >= watchWaitsSay; (first || due) && ctx.Err() == nil {
			w.say(met, err)
			said = time.Now()
		}
		if err != nil { // It is to help, and no more: perhaps there is no connection left.
			pause(ctx, watchWaitsAfter)
			continue
		}
		pause(ctx, watchWaitsEvery)
	}
}

// say tells the log that the start takes its time.
func (w *waits) say(met []lockHolder, err error) {
	if len(met) == 0 {
		w.log.Warn("alma: storage: the database is being made ready, which takes its time; nobody is known to hold it up", "error", err)
		return
	}
	w.log.Warn("alma: storage: the database cannot be made ready meanwhile, for another process holds what is needed; "+advice(met), "held_by", describe(met))
}

// look remembers who is in the way now. Between two tries nobody is.
func (w *waits) look(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	rows, err := conn.Query(ctx, sqlLockHolders, int64(w.pid))
	if err != nil {
		return err
	}
	holders, err := pgx.CollectRows(rows, scanLockHolder)
	if len(holders) > 0 {
		w.mu.Lock()
		w.holders = holders
		w.mu.Unlock()
	}
	return err
}

func scanLockHolder(row pgx.CollectableRow) (h lockHolder, err error) {
	var seconds float64
	var query string
	err = row.Scan(&h.pid, &h.application, &h.user, &h.state, &query, &seconds, &h.vacuum, &h.table)
	h.words, h.age = firstWords(query), time.Duration(seconds*float64(time.Second))
	return h, err
}

// word is what may be repeated of somebody's statement: neither a number nor a
// text.
var word = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:]*$`)

// firstWords returns the beginning of a statement, without data.
func firstWords(query string) string {
	var list []string
	for _, w := range strings.Fields(query) {
		if !word.MatchString(w) || len(list) == 4 {
			break
		}
		list = append(list, w)
	}
	return strings.Join(list, " ")
}

// onlyVacuum reports whether all that is in the way is autovacuum.
func onlyVacuum(holders []lockHolder) bool {
	for i := range holders {
		if !holders[i].vacuum {
			return false
		}
	}
	return len(holders) > 0
}

// describe names processes to people.
func describe(holders []lockHolder) string {
	var list []string
	for i := range holders {
		list = append(list, holders[i].String())
	}
	return strings.Join(list, ", ")
}

func (h *lockHolder) String() string {
	name := fmt.Sprintf("process %d", h.pid)
	if h.pid == 0 {
		name = "a prepared transaction (pg_prepared_xacts)"
	}
	var more []string
	for _, part := range []struct{ name, value string }{{"application ", h.application}, {"user ", h.user}, {"", h.state}, {"statement ", h.words}, {"holds ", h.table}} {
		if part.value != "" {
			more = append(more, part.name+part.value)
		}
	}
	if h.age > 0 {
		more = append(more, "for "+h.age.Round(time.Second).String())
	}
	if len(more) == 0 {
		return name
	}
	return name + " (" + strings.Join(more, ", ") + ")"
}

// advice says what to do about them.
func advice(holders []lockHolder) string {
	if onlyVacuum(holders) {
		return fmt.Sprintf("it gives way in a moment, unless it is there to prevent wraparound: then wait for it, or cancel it (SELECT pg_cancel_backend(%d))", holders[0].pid)
	}
	for i := range holders {
		if h := &holders[i]; h.pid != 0 {
			return fmt.Sprintf("end it (SELECT pg_terminate_backend(%d)), or start again after it", h.pid)
		}
	}
	return "end that transaction, or start again after it"
}

// heldError says who was in the way.
type heldError struct {
	holders []lockHolder
	err     error
}

func (e *heldError) Error() string {
	if len(e.holders) == 0 {
		return "the database cannot be made ready meanwhile; end that transaction, perhaps a dump, or start again after it: " + e.err.Error()
	}
	return fmt.Sprintf("the database cannot be made ready meanwhile: %s is in the way; %s: %s", describe(e.holders), advice(e.holders), e.err)
}

func (e *heldError) Unwrap() error { return e.err }
