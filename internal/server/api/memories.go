package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/alma-events/alma"
)

type memoryInput struct {
	ID        string          `json:"id,omitempty" doc:"Made if left out. Saving under an id that exists updates that memory."`
	Type      alma.MemoryType `json:"memory_type" doc:"heuristic, outcome, preference, domain_knowledge or anti_pattern."`
	Agent     string          `json:"agent,omitempty"`
	ProjectID string          `json:"project_id,omitempty" doc:"A key with a project fills in its own."`
	Data      json.RawMessage `json:"data" doc:"The members of the kind; its main text is required, further members are kept."`
}

type memoryPatch struct {
	Data json.RawMessage `json:"data" doc:"Merged into the stored data (RFC 7396): null removes a member."`
}

// savedMemory says whether a memory is new: saving an existing id is an update.
// The status is 201 in both cases, as the contract has it.
type savedMemory struct {
	alma.Memory
	Created bool `json:"created" doc:"False when a memory of that id was there, and was updated."`
}

func (s *Server) postMemory(c *call) error {
	var in memoryInput
	faults, err := readBody(c, &in)
	if err != nil {
		return err
	}
	project, err := c.project(in.ProjectID)
	if err != nil {
		return err
	}
	m := alma.Memory{ID: in.ID, Type: in.Type, Agent: in.Agent, ProjectID: project, Data: in.Data}
	if faults.err() != nil {
		checked := m
		faults.merge("", checked.Prepare(time.Now()))
		return faults.err()
	}
	saved, err := s.memory.Put(c.r.Context(), m)
	if err != nil {
		return err //nolint:wrapcheck // The memory store says what was done.
	}
	return c.replyCreated(saved.Memory.ID, saved.Memory.Version, savedMemory{saved.Memory, saved.Created})
}

func (s *Server) listMemories(c *call) error {
	faults := c.queryFaults
	q := alma.MemoryQuery{
		Type: alma.MemoryType(c.query.Get(paramMemoryType.name)), Agent: c.query.Get(paramAgent.name),
		ProjectID: c.queryProject(), Cursor: c.cursor(&faults),
	}
	if q.Type != "" {
		alma.CheckMemoryType(&faults, paramMemoryType.name, q.Type)
	}
	if err := c.refuseList(&faults, func(at alma.Cursor) error {
		_, err := s.memory.List(c.r.Context(), alma.MemoryQuery{Cursor: at})
		return err //nolint:wrapcheck // Only what is wrong with the cursor counts.
	}); err != nil {
		return err
	}
	page, err := s.memory.List(c.r.Context(), q)
	if err != nil {
		return err //nolint:wrapcheck // The memory store says what was done.
	}
	return c.reply(http.StatusOK, newList(page.Items, page.Next))
}

func (s *Server) getMemory(c *call) error {
	m, err := s.memoryOf(c)
	if err != nil {
		return err
	}
	return c.replyVersioned(http.StatusOK, m.Version, m)
}

func (s *Server) patchMemory(c *call) error {
	patch, err := c.readPatch()
	if err != nil {
		return err
	}
	stored, err := s.memoryOf(c)
	if err != nil {
		return err
	}
	in, faults := decodeMemoryPatch(patch, &stored)
	if len(in.Data) == 0 {
		faults.addf("data", "missing: want the members to change, such as {\"confidence\": 0.9}")
	}
	if err := faults.err(); err != nil {
		return err
	}
	m, err := s.memory.Update(c.r.Context(), c.id(), c.wanted(), in.Data)
	if err != nil {
		return c.stale(err)
	}
	return c.replyVersioned(http.StatusOK, m.Version, m)
}

func decodeMemoryPatch(patch []byte, stored *alma.Memory) (in memoryPatch, faults *faultList) {
	faults = &faultList{}
	rest := changes(faults, patch, shownOfMemory, map[string]any{
		"id": stored.ID, "memory_type": string(stored.Type), "agent": stored.Agent, "project_id": stored.ProjectID,
	})
	decodeObject(faults, "", marshalMembers(rest), reflect.ValueOf(&in).Elem())
	return in, faults
}

func (s *Server) deleteMemory(c *call) error {
	if _, err := s.memoryOf(c); err != nil {
		return err
	}
	if err := s.memory.DeleteVersion(c.r.Context(), c.id(), c.wanted()); err != nil {
		return c.stale(err)
	}
	return c.noContent()
}

// memoryOf returns the memory that the path names, if the key may know of it
// and If-Match does not speak against it.
func (s *Server) memoryOf(c *call) (alma.Memory, error) {
	m, err := s.memory.Get(c.r.Context(), c.id())
	switch {
	case isNotFound(err), err == nil && !c.sees(m.ProjectID):
		return alma.Memory{}, notFound("memory")
	case err != nil:
		return alma.Memory{}, err //nolint:wrapcheck // The memory store says what was done.
	}
	c.concerns(m.ProjectID)
	return m, c.match(m.Version)
}
