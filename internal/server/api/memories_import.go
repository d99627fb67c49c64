package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/memory"
)

// maxImported is the most memories that one request may import.
const maxImported = 1000

type importInput struct {
	Memories []importedMemory `json:"memories" doc:"At most 1,000, each id once. All are stored in one transaction, or none."`
	Events   bool             `json:"events,omitempty" doc:"Emit CREATED for each that is new; otherwise nothing is emitted."`
}

// importedMemory is a memory as another system kept it.
type importedMemory struct {
	ID        string          `json:"id" doc:"Kept. A memory whose id is known already is left alone."`
	Type      alma.MemoryType `json:"memory_type" doc:"heuristic, outcome, preference, domain_knowledge or anti_pattern."`
	Agent     string          `json:"agent,omitempty"`
	ProjectID string          `json:"project_id,omitempty"`
	Data      json.RawMessage `json:"data" doc:"The members of the kind; its main text is required, further members are kept."`
	CreatedAt time.Time       `json:"created_at,omitzero" doc:"Kept; now if left out."`
	UpdatedAt time.Time       `json:"updated_at,omitzero" doc:"Kept; now if left out."`
}

// importBody is importInput as it is read: the list is decoded element by
// element, so that every fault has its place.
type importBody struct {
	Memories json.RawMessage `json:"memories"`
	Events   bool            `json:"events"`
}

type importResult struct {
	Created int      `json:"created" doc:"Memories that are new."`
	Known   int      `json:"known" doc:"Memories whose id was there; they were left alone."`
	Taken   []string `json:"taken" nullable:"false" doc:"Ids that belong to a memory of another kind, agent or project; those were left alone."`
}

// importMemories stores memories of another system. It may be repeated.
func (s *Server) importMemories(c *call) error {
	body, err := c.readJSON(c.op.mostBody())
	if err != nil {
		return err
	}
	faults := &faultList{}
	var in importBody
	decodeObject(faults, "", body, reflect.ValueOf(&in).Elem())
	memories := decodeImported(faults, in.Memories)
	for i := range memories {
		if memories[i].ProjectID, err = c.project(memories[i].ProjectID); err != nil {
			return err
		}
		faults.merge("memories"+element(i), memories[i].Prepare(time.Now()))
	}
	if err := faults.err(); err != nil {
		return err
	}
	outcome, err := s.memory.Import(c.r.Context(), memories, in.Events)
	if err != nil {
		return err //nolint:wrapcheck // The memory store says what was done.
	}
	result := importResult{Taken: []string{}}
	for i, became := range outcome {
		switch became {
		case memory.ImportedNew:
			result.Created++
		case memory.ImportedKnown:
			result.Known++
		default:
			result.Taken = append(result.Taken, memories[i].ID)
		}
	}
	return c.reply(http.StatusOK, result)
}

func decodeImported(faults *faultList, list json.RawMessage) []alma.Memory {
	if list = space(list); len(list) == 0 || !isArray(list) {
		faults.addf("memories", "want a list of memories")
		return nil
	}
	var memories []alma.Memory
	for raw := range elements(list) {
		if len(memories) == maxImported {
			faults.addf("memories", "the list is too long; at most %d memories are taken in one request", maxImported)
			break
		}
		var in importedMemory
		decodeObject(faults, "memories"+element(len(memories)), raw, reflect.ValueOf(&in).Elem())
		if in.ID == "" {
			faults.addf("memories"+element(len(memories))+".id", "missing: without one, a repeated import could not tell what it knows")
		}
		memories = append(memories, alma.Memory{
			ID: in.ID, Type: in.Type, Agent: in.Agent, ProjectID: in.ProjectID, Data: in.Data, CreatedAt: in.CreatedAt, UpdatedAt: in.UpdatedAt,
		})
	}
	return memories
}
