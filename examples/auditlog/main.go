// Command auditlog writes every event into a table of the program's own, with
// database/sql.
//
// It answers "Audit Logging" of the guide. The table lives in the same SQLite
// file as Alma's; any other database would do as well.
//
// A callback runs after the commit, so a crash between the two leaves an event
// out of such a table. Alma's own log has every event, and can be read again;
// where a row and an event must never be without one another, see
// examples/hosttransaction.
//
//	go run ./examples/auditlog
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/storage/sqlite"
)

func main() {
	// It goes on where it was: start the program twice.
	if err := run(context.Background(), os.Stdout, "auditlog.db"); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, file string) error {
	store, err := sqlite.Open(ctx, file, sqlite.Options{})
	if err != nil {
		return err
	}
	defer store.Close()
	audit, err := newAuditLog(ctx, store.DB())
	if err != nil {
		return err
	}
	emitter := events.New(events.Config{})
	emitter.SubscribeAll(audit.record, events.Named("audit log"))

	memories, err := memory.New(memory.Config{Storage: store, Emitter: emitter})
	if err != nil {
		return err
	}
	saved, err := memories.Save(ctx, alma.DomainKnowledge{Agent: "qa_tester", Fact: "Checkout needs a customer number"})
	if err != nil {
		return err
	}
	if _, err := memories.Update(ctx, saved.Memory.ID, 0, json.RawMessage(`{"confidence":0.9}`)); err != nil {
		return err
	}
	if err := memories.Delete(ctx, saved.Memory.ID); err != nil {
		return err
	}
	return audit.print(ctx, out)
}

// auditLog is a table with a row for each event.
type auditLog struct{ db *sql.DB }

func newAuditLog(ctx context.Context, db *sql.DB) (*auditLog, error) {
	_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS audit (
		event_id   TEXT PRIMARY KEY,
		event_type TEXT NOT NULL,
		memory_id  TEXT NOT NULL,
		agent      TEXT NOT NULL,
		timestamp  TEXT NOT NULL,
		data       TEXT NOT NULL
	) STRICT`)
	if err != nil {
		return nil, fmt.Errorf("make the audit table: %w", err)
	}
	return &auditLog{db}, nil
}

// record is the callback. The event's id is the key, so that recording one
// twice changes nothing: callbacks, like deliveries, may see an event again.
func (a *auditLog) record(ctx context.Context, ev *alma.Event) error {
	_, err := a.db.ExecContext(ctx, `INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		ev.ID, string(ev.Type), ev.MemoryID, ev.Agent, ev.Timestamp.Format(time.RFC3339Nano), string(ev.Data))
	if err != nil {
		return fmt.Errorf("record event %s: %w", ev.ID, err)
	}
	return nil
}

func (a *auditLog) print(ctx context.Context, out io.Writer) error {
	rows, err := a.db.QueryContext(ctx, `SELECT event_type, agent, data FROM audit ORDER BY rowid`)
	if err != nil {
		return fmt.Errorf("read the audit table: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var eventType, agent, data string
		if err := rows.Scan(&eventType, &agent, &data); err != nil {
			return fmt.Errorf("read the audit table: %w", err)
		}
		fmt.Fprintf(out, "%-8s %s %s\n", eventType, agent, data)
	}
	return rows.Err()
}
