package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// insertStatements are the texts of an append within a schema.
type insertStatements struct{ insert, insertJSON, places, placesJSON string }

func newInsertStatements(schema string) *insertStatements {
	quoted := pgx.Identifier{schema}.Sanitize()
	literal := strings.ReplaceAll(quoted, "'", "''")
	in := func(text string) string {
		return strings.ReplaceAll(strings.ReplaceAll(text, "'{schema}.", "'"+literal+"."), "{schema}.", quoted+".")
	}
	return &insertStatements{in(sqlInsertEvents), in(sqlInsertEventsJSON), in(sqlEventPlaces), in(sqlEventPlacesJSON)}
}

// insertion is a set of events on their way into the log, each id once, and
// then where they stand.
type insertion struct {
	events []*alma.Event
	index  map[string]int // By id, into events and places.
	places []alma.Appended
	// unknown is why it is not known where the first events of some ids stand.
	unknown error
}

func newInsertion(size int) *insertion {
	return &insertion{events: make([]*alma.Event, 0, size), index: make(map[string]int, size)}
}

// add takes events along; those whose id it has are passed over.
func (n *insertion) add(events []alma.Event) {
	for i := range events {
		e := &events[i]
		if _, ok := n.index[e.ID]; !ok {
			n.index[e.ID] = len(n.events)
			n.events = append(n.events, e)
		}
	}
}

// answer says where the events of a call stand. The first to ask for an id
// that is new gets it as its own; all after that repeat it. Who asks for one
// that is known, and could not be looked up, may ask again.
func (n *insertion) answer(events []alma.Event) ([]alma.Appended, error) {
	answers := make([]alma.Appended, len(events))
	for i := range events {
		p := &n.places[n.index[events[i].ID]]
		if p.Position.IsZero() {
			return nil, fmt.Errorf("%w: another event has the id %q, and where it stands could not be looked up; repeat the append: %w", alma.ErrUnavailable, p.ID, noDeadline(n.unknown))
		}
		answers[i] = *p
		p.Duplicate = true
	}
	return answers, nil
}

// columns hold the events as the statement takes them.
type columns struct {
	ids, types, memories, memoryTypes, agents, projects, data, jobs, envelopes, traces []string
	secs, records                                                                      []int64
	nsecs                                                                              []int32
}

func (n *insertion) columns() *columns {
	size := len(n.events)
	texts := make([]string, 10*size)
	column := func(i int) []string { return texts[i*size : (i+1)*size : (i+1)*size] }
	numbers := make([]int64, 2*size)
	c := &columns{
		ids: column(0), types: column(1), memories: column(2), memoryTypes: column(3), agents: column(4), projects: column(5),
		data: column(6), jobs: column(7), envelopes: column(8), traces: column(9), secs: numbers[:size], records: numbers[size:], nsecs: make([]int32, size),
	}
	for i, e := range n.events {
		c.ids[i], c.types[i], c.memories[i], c.memoryTypes[i], c.agents[i], c.projects[i] = e.ID, string(e.Type), e.MemoryID, string(e.MemoryType), e.Agent, e.ProjectID
		c.secs[i], c.nsecs[i] = e.Timestamp.Unix(), int32(e.Timestamp.Nanosecond()) //nolint:gosec // Less than 10⁹.
		c.data[i], c.envelopes[i], c.traces[i] = string(e.Data), string(e.Envelope), string(e.Trace)
		if e.Job != nil {
			c.jobs[i], c.records[i] = e.Job.ID, e.Job.Records
		}
	}
	return c
}

// queue adds the insertion to a batch.
func (n *insertion) queue(b *pgx.Batch, statement string, notBefore time.Time) {
	c := n.columns()
	b.Queue(statement, notBefore, c.ids, c.types, c.memories, c.memoryTypes, c.agents, c.projects, c.secs, c.nsecs, c.data, c.jobs, c.records, c.envelopes, c.traces).
		Query(func(rows pgx.Rows) error {
			_, err := n.note(rows, false)
			return err
		})
}

// placeRows are rows of id, xact, seq and appended_at.
type placeRows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
}

// note takes down where events stand: those that are new, or those that the
// log held before. It returns their number.
func (n *insertion) note(rows placeRows, known bool) (count int, err error) {
	if n.places == nil {
		n.places = make([]alma.Appended, len(n.events))
		for i := range n.places {
			n.places[i] = alma.Appended{ID: n.events[i].ID, Duplicate: true}
		}
	}
	for ; rows.Next(); count++ {
		var id string
		var p place
		var at time.Time
		if err := rows.Scan(&id, &p.xact, &p.seq, &at); err != nil {
			return count, err
		}
		a := &n.places[n.index[id]]
		a.Position, a.AppendedAt, a.Duplicate = p.position(), at.UTC(), known
	}
	return count, rows.Err()
}

// known returns the ids that the log held before.
func (n *insertion) known() []string {
	var ids []string
	for i := range n.places {
		if n.places[i].Duplicate {
			ids = append(ids, n.places[i].ID)
		}
	}
	return ids
}

// errGone says that the first event of an id went away between the insert and
// the look where it stands.
var errGone = fmt.Errorf("%w: an event of the same id was just removed from the log; repeat the append", alma.ErrUnavailable)

// locate fills in where the first events of known ids stand. It needs a
// statement of its own, with a later snapshot: the insert may have waited for
// the transaction that brought them.
func (n *insertion) locate(ctx context.Context, q queryer, statement string) error {
	ids := n.known()
	if len(ids) == 0 {
		return nil
	}
	rows, err := q.Query(ctx, statement, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	return n.noteKnown(rows, len(ids))
}

func (n *insertion) noteKnown(rows placeRows, want int) error {
	found, err := n.note(rows, true)
	if err == nil && found < want {
		err = errGone
	}
	return err
}

// newest returns the furthest of the new places, and the time of the append.
func (n *insertion) newest() (xact int64, at time.Time) {
	for i := range n.places {
		if p := &n.places[i]; !p.Duplicate {
			return placeOf(p.Position).xact, p.AppendedAt // One transaction: all the same.
		}
	}
	return 0, time.Time{}
}
