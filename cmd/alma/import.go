package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pythonfile"
)

type importCmd struct {
	File       string `arg:"" help:"The library's SQLite file, .alma/alma.db as a rule." placeholder:"FILE"`
	Agent      string `help:"Whose the memories are that name no agent: preferences know a user alone." placeholder:"NAME"`
	Project    string `help:"Where the memories belong that name no project." placeholder:"ID"`
	Events     bool   `help:"Emit CREATED for each new memory. Without it nobody is told."`
	SkipFaulty bool   `name:"skip-faulty" help:"Import the other rows when some are faulty."`
	DryRun     bool   `name:"dry-run" help:"Only read the file and list its faults; no server is needed."`
}

// Help says more than the list of flags.
func (*importCmd) Help() string {
	return `Reads heuristics, outcomes, preferences, domain knowledge and anti-patterns from
the SQLite file of the Python library, and stores them through a running server
with an admin key: ids, times and all columns kept. The file is not changed. What
the server knows already is left alone, so an import may be repeated. Example:

  alma import .alma/alma.db --dry-run
  alma import .alma/alma.db --agent qa_tester --project my-project

See docs/migrating.md.`
}

// Bounds of one request.
const (
	importRows  = 500
	importBytes = 1 << 20
)

// importJob is one import under way.
type importJob struct {
	cmd    *importCmd
	conn   *connection
	io     stdio
	total  int64
	read   int64
	faulty int64
	batch  []importRow
	bytes  int
	done   importAnswer
	bar    bool
}

// importRow is a memory as the API takes it.
type importRow struct {
	ID        string          `json:"id"`
	Type      alma.MemoryType `json:"memory_type"`
	Agent     string          `json:"agent"`
	ProjectID string          `json:"project_id"`
	Data      json.RawMessage `json:"data"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

type importAnswer struct {
	Created int      `json:"created"`
	Known   int      `json:"known"`
	Taken   []string `json:"taken"`
}

// Run checks every row, and then stores them.
func (c *importCmd) Run(ctx context.Context, conn *connection, io stdio) (err error) {
	file, err := pythonfile.Open(ctx, c.File)
	if err != nil {
		return err //nolint:wrapcheck // It names the file.
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	j := &importJob{cmd: c, conn: conn, io: io, bar: isTerminal(io.err)}
	if j.total, err = file.Count(ctx); err != nil {
		return err //nolint:wrapcheck // It names the table.
	}
	owner := pythonfile.Owner{Agent: c.Agent, ProjectID: c.Project}
	if err := file.Each(ctx, owner, j.check); err != nil {
		return err //nolint:wrapcheck // It names the table.
	}
	switch {
	case c.DryRun:
		fmt.Fprintf(io.out, "%d rows can be imported, %d are faulty. Nothing was stored.\n", j.total-j.faulty, j.faulty)
		return j.refused()
	case j.faulty > 0 && !c.SkipFaulty:
		return fmt.Errorf("%d of %d rows are faulty, and nothing was imported: correct them, or leave them out with --skip-faulty", j.faulty, j.total)
	}
	if err = file.Each(ctx, owner, func(r pythonfile.Row) error { return j.add(ctx, &r) }); err == nil {
		err = j.send(ctx)
	}
	j.clear()
	return j.end(err)
}

// check lists the faults of a row.
func (j *importJob) check(r pythonfile.Row) error {
	if r.Err == nil {
		return nil
	}
	j.faulty++
	var invalid *alma.ValidationError
	if !errors.As(r.Err, &invalid) {
		return r.Err
	}
	for _, f := range invalid.Faults {
		fmt.Fprintln(j.io.err, visible(fmt.Sprintf("%s row %d (%s): %s: %s", r.Table, r.Number, orDash(r.ID), f.Field, f.Message)))
	}
	return nil
}

// add puts a row into the batch, and sends that when it is full.
func (j *importJob) add(ctx context.Context, r *pythonfile.Row) error {
	j.read++
	if r.Err != nil {
		return nil // It was listed before.
	}
	m := &r.Memory
	if len(j.batch) == importRows || j.bytes > 0 && j.bytes+len(m.Data) > importBytes {
		if err := j.send(ctx); err != nil {
			return err
		}
	}
	j.bytes += len(m.Data)
	j.batch = append(j.batch, importRow{m.ID, m.Type, m.Agent, m.ProjectID, m.Data, m.CreatedAt, m.UpdatedAt})
	return nil
}

// send stores the batch, in one transaction of the server's.
func (j *importJob) send(ctx context.Context) error {
	if len(j.batch) == 0 {
		return nil
	}
	var answer importAnswer
	body := map[string]any{"memories": j.batch, "events": j.cmd.Events}
	if err := j.conn.call(ctx, http.MethodPost, "/v1/memories/import", nil, body, &answer); err != nil {
		return err
	}
	j.done.Created += answer.Created
	j.done.Known += answer.Known
	for _, id := range answer.Taken {
		fmt.Fprintln(j.io.err, visible(id+": the server has a memory of this id, of another kind, agent or project; it was left alone"))
	}
	j.done.Taken = append(j.done.Taken, answer.Taken...)
	j.batch, j.bytes = nil, 0
	if j.bar {
		fmt.Fprintf(j.io.err, "\r\x1b[K%s %d of %d rows", drawBar(float64(j.read)/float64(max(1, j.total))), j.read, j.total)
	}
	return nil
}

func (j *importJob) clear() {
	if j.bar {
		fmt.Fprint(j.io.err, "\r\x1b[K")
	}
}

// end says what became of the rows.
func (j *importJob) end(err error) error {
	fmt.Fprintf(j.io.out, "%d new, %d known, %d faulty, of %d rows.\n", j.done.Created, j.done.Known, j.faulty+int64(len(j.done.Taken)), j.total)
	if err != nil {
		return fmt.Errorf("%w; what was stored stays: run the command again, and it goes on", err)
	}
	return j.refused()
}

// refused is the error when rows were left out.
func (j *importJob) refused() error {
	if n := j.faulty + int64(len(j.done.Taken)); n > 0 {
		return fmt.Errorf("%d rows are faulty; they are listed above", n)
	}
	return nil
}
