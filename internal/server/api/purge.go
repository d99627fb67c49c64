package api

import (
	"net/http"
	"time"

	"github.com/alma-events/alma"
)

type purgeInput struct {
	MemoryID  string    `json:"memory_id,omitempty" doc:"What is about this memory or record."`
	Agent     string    `json:"agent,omitempty" doc:"What this agent caused."`
	ProjectID string    `json:"project_id,omitempty" doc:"What lies in this project; a key with a project fills in its own."`
	Since     time.Time `json:"since,omitzero" doc:"What was appended, or memories saved, at or after this time."`
	Until     time.Time `json:"until,omitzero" doc:"What was appended, or memories saved, before this time."`
	DryRun    bool      `json:"dry_run,omitempty" doc:"Only count what would be erased."`
}

// purgeResult is alma.Purged in the words of the API.
type purgeResult struct {
	DryRun     bool   `json:"dry_run"`
	Events     int64  `json:"events" doc:"Events whose data, envelope and agent were erased."`
	Memories   int64  `json:"memories" doc:"Memories that were removed."`
	Attempts   int64  `json:"attempts" doc:"Attempts of which what was sent and answered was erased."`
	Deliveries int64  `json:"deliveries" doc:"Deliveries that were pending, and have failed now."`
	Remains    string `json:"remains" doc:"What may be left in the database's files, and until when; empty: nothing."`
}

// purgeProgress is what a purge has come to so far: a line of the answer to who
// asks for lines.
type purgeProgress struct {
	Progress struct {
		Events     int64 `json:"events"`
		Memories   int64 `json:"memories"`
		Attempts   int64 `json:"attempts"`
		Deliveries int64 `json:"deliveries"`
	} `json:"progress"`
}

// tellEvery is how often the progress of a call is told.
const tellEvery = 500 * time.Millisecond

// purgeTeller returns what tells the client how far its purge is; nil when it did
// not ask. The first line goes out before the work begins.
func (c *call) purgeTeller() func(alma.Purged) {
	out, ok := c.w.(*held)
	if !ok || !wantsLines(c.r) {
		return nil
	}
	out.tell(purgeProgress{})
	last := time.Now()
	return func(p alma.Purged) {
		if time.Since(last) < tellEvery {
			return
		}
		last = time.Now()
		var line purgeProgress
		line.Progress.Events, line.Progress.Memories = p.Events, p.Memories
		line.Progress.Attempts, line.Progress.Deliveries = p.Attempts, p.Deliveries
		out.tell(line)
	}
}

// postPurge erases personal data, and answers when it is done. It may be
// repeated when the answer is lost.
func (s *Server) postPurge(c *call) error {
	var in purgeInput
	faults, err := readBody(c, &in)
	if err != nil {
		return err
	}
	c.quiet = in.DryRun
	project, err := c.project(in.ProjectID)
	if err != nil {
		return err
	}
	q := alma.PurgeQuery{MemoryID: in.MemoryID, Agent: in.Agent, ProjectID: in.ProjectID, Since: in.Since.UTC(), Until: in.Until.UTC(), DryRun: in.DryRun}
	faults.merge("", q.Validate()) // Before the key's own project is filled in: that alone is no choice.
	if err := faults.err(); err != nil {
		return err
	}
	q.ProjectID = project
	// It takes as long as the log is long. Recorders of tests know no deadlines.
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Time{})
	done, err := s.manager.Purge(c.r.Context(), q, c.purgeTeller())
	if err != nil {
		return err //nolint:wrapcheck // The manager says what was done.
	}
	return c.reply(http.StatusOK, purgeResult{
		DryRun: q.DryRun, Events: done.Events, Memories: done.Memories, Attempts: done.Attempts, Deliveries: done.Deliveries, Remains: done.Remains,
	})
}
