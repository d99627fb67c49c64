package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// bell tells other nodes of new events by NOTIFY. A transaction that notifies
// commits alone in the whole server, so appends do not: the bell does after
// them, once for many, and only while another node listens.
type bell struct {
	rung   chan struct{}
	others atomic.Bool // Another node listens.

	once    sync.Once
	started chan struct{} // Closed when somebody wants to hear.
}

func newBell() *bell { return &bell{rung: make(chan struct{}, 1), started: make(chan struct{})} }

// ring asks that others be told.
func (b *bell) ring() {
	if b.others.Load() {
		signal(b.rung)
	}
}

// listen asks that this process be told from now on.
func (b *bell) listen() { b.once.Do(func() { close(b.started) }) }

// listening reports whether somebody wants to be told.
func (b *bell) listening() bool {
	select {
	case <-b.started:
		return true
	default:
		return false
	}
}

// between is the least time between two notices.
const between = 5 * time.Millisecond

const (
	sqlNotify = `SELECT pg_notify($1, '')`

	// Everybody's name can be read, whatever the rights.
	sqlListeners = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1 AND pid <> $2`
)

// The channels, and the names by which listeners know one another, hold the
// number of the log's table: other schemas of the database have others.
func (s *Store) eventChannel() string  { return fmt.Sprintf("alma_events_%d", s.ours.oid) }
func (s *Store) changeChannel() string { return fmt.Sprintf("alma_changes_%d", s.ours.oid) }
func (s *Store) listenerName() string  { return fmt.Sprintf("alma-listener-%d", s.ours.oid) }

// ring passes on what was rung, and hears what others ring.
func (s *Store) ring() {
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		s.hear()
	}()
	defer func() { <-heard }()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-s.closing.Done():
			return
		case <-pause.C:
		}
		select {
		case <-s.closing.Done():
			return
		case <-s.bell.rung:
		}
		ctx, cancel := context.WithTimeout(s.closing, s.opts.Timeout)
		if _, err := s.pool.Exec(ctx, sqlNotify, s.eventChannel()); err != nil && s.closing.Err() == nil {
			s.log.Debug("alma: storage: cannot tell other nodes of new events; they will look by themselves", "error", err)
		}
		cancel()
		pause.Reset(between)
	}
}

// The listening connection is made anew when it is lost, and tested when it
// has been silent for long.
const (
	shortestRest = 100 * time.Millisecond
	longestRest  = 5 * time.Second
	silence      = 10 * time.Second
)

// hear listens for notices until the store closes. What was said while nobody
// listened is lost, so each new connection counts as news.
func (s *Store) hear() {
	select {
	case <-s.closing.Done():
		return
	case <-s.bell.started:
	}
	rest := shortestRest
	for s.closing.Err() == nil {
		began := time.Now()
		err := s.hearOnce()
		if s.closing.Err() != nil {
			return
		}
		s.log.Warn("alma: storage: the connection that listens is lost; looking for events five times a second meanwhile", "error", err)
		if time.Since(began) > longestRest {
			rest = shortestRest
		}
		timer := time.NewTimer(rest)
		select {
		case <-s.closing.Done():
		case <-timer.C:
		}
		timer.Stop()
		rest = min(2*rest, longestRest)
	}
}

func (s *Store) hearOnce() error {
	conn, err := pgx.ConnectConfig(s.closing, s.listens)
	if err != nil {
		return err
	}
	defer hangUp(conn) //nolint:errcheck // It is over anyway.
	// A newcomer makes itself known, so that others begin to ring.
	hello := fmt.Sprintf("LISTEN %[1]s; LISTEN %[2]s; NOTIFY %[1]s, 'hello'", s.eventChannel(), s.changeChannel())
	if _, err := conn.Exec(s.closing, hello, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	s.events.signal()
	s.changes.signal()
	for {
		if err := s.countListeners(conn); err != nil {
			return err
		}
		if err := s.hearFor(conn, silence); err != nil {
			return err
		}
	}
}

// countListeners finds out whether there is anybody to ring for.
func (s *Store) countListeners(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(s.closing, s.opts.Timeout)
	defer cancel()
	var n int
	err := conn.QueryRow(ctx, sqlListeners, s.listenerName(), int32(conn.PgConn().PID())).Scan(&n) //nolint:gosec // A process id.
	s.bell.others.Store(n > 0)
	return err
}

// hearFor passes notices on until there was none for a while, or a newcomer
// said hello.
func (s *Store) hearFor(conn *pgx.Conn, d time.Duration) error {
	for {
		ctx, cancel := context.WithTimeout(s.closing, d)
		notice, err := conn.WaitForNotification(ctx)
		silent := ctx.Err() != nil
		cancel()
		switch {
		case err != nil && silent && s.closing.Err() == nil:
			return nil
		case err != nil:
			return err
		case notice.Channel == s.changeChannel():
			s.changes.signal()
		case notice.Payload == "hello":
			return nil
		default:
			s.events.signal()
		}
	}
}
