package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/alma-events/alma"
)

type memoryCmd struct {
	Save        memorySaveCmd        `cmd:"" help:"Save a memory."`
	Get         memoryGetCmd         `cmd:"" help:"Show a memory."`
	List        memoryListCmd        `cmd:"" help:"List memories, the newest first."`
	Retrieve    memoryRetrieveCmd    `cmd:"" help:"Search memories by text; emits ACCESSED."`
	Update      memoryUpdateCmd      `cmd:"" help:"Change members of a memory."`
	Delete      memoryDeleteCmd      `cmd:"" help:"Delete a memory."`
	Consolidate memoryConsolidateCmd `cmd:"" help:"Merge memories that say the same."`
}

type memorySaveCmd struct {
	Type    string `arg:"" help:"heuristic, outcome, preference, domain_knowledge or anti_pattern."`
	Agent   string `help:"The agent that it belongs to." env:"ALMA_AGENT"`
	Project string `help:"The project that it belongs to." env:"ALMA_PROJECT"`
	ID      string `name:"id" help:"Its id; saving an existing one is an update. Made when absent."`
	members
}

// Help says more than the list of flags.
func (*memorySaveCmd) Help() string {
	return `Example:

  alma memory save heuristic --agent qa --project shop strategy="Retry once before failing" confidence=0.8`
}

// Run saves a memory.
func (c *memorySaveCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	data, err := c.object(io, alma.MainMember(alma.MemoryType(c.Type)))
	if err != nil {
		return err
	}
	body := map[string]any{"memory_type": c.Type, "agent": c.Agent, "project_id": c.Project, "data": data}
	if c.ID != "" {
		body["id"] = c.ID
	}
	return conn.show(ctx, io, http.MethodPost, "/v1/memories", body)
}

// show makes a call and prints its answer as JSON.
func (c *connection) show(ctx context.Context, io stdio, method, path string, body any) error {
	var answer json.RawMessage
	if err := c.call(ctx, method, path, nil, body, &answer); err != nil {
		return err
	}
	return printJSON(io.out, answer)
}

func memoryPath(id string) string { return "/v1/memories/" + url.PathEscape(id) }

type memoryGetCmd struct {
	ID string `arg:"" name:"id" help:"The memory's id."`
}

// Run shows a memory.
func (c *memoryGetCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	return conn.show(ctx, io, http.MethodGet, memoryPath(c.ID), nil)
}

type memoryListCmd struct {
	Type    string `help:"Only this kind of memory." placeholder:"TYPE"`
	Agent   string `help:"Only this agent."`
	Project string `help:"Only this project."`
	listing
}

// Run lists memories.
func (c *memoryListCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	q := c.add(values("memory_type", c.Type, "agent", c.Agent, "project_id", c.Project))
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodGet, "/v1/memories", q, nil, &raw); err != nil {
		return err
	}
	return printPage(io, c.listing, raw, []string{"CREATED", "KIND", "AGENT", "PROJECT", "TEXT", "VERSION", "ID"}, memoryRow,
		"No memories. Save one with: alma memory save heuristic strategy=\"…\"")
}

func memoryRow(item json.RawMessage) ([]string, error) {
	var m alma.Memory
	if err := json.Unmarshal(item, &m); err != nil {
		return nil, err //nolint:wrapcheck // printPage says what failed.
	}
	return []string{moment(m.CreatedAt), string(m.Type), orDash(m.Agent), orDash(m.ProjectID), shorten(mainText(&m), 48), strconv.FormatInt(m.Version, 10), m.ID}, nil
}

// mainText returns what a memory says.
func mainText(m *alma.Memory) string {
	var data map[string]any
	if err := json.Unmarshal(m.Data, &data); err != nil {
		return ""
	}
	text, _ := data[alma.MainMember(m.Type)].(string)
	return text
}

func shorten(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}

type memoryRetrieveCmd struct {
	Query   string   `arg:"" help:"What to look for, in plain words."`
	Agent   string   `help:"The agent whose memories are searched." env:"ALMA_AGENT"`
	Project string   `help:"The project whose memories are searched." env:"ALMA_PROJECT"`
	Type    []string `help:"Only these kinds of memory." placeholder:"TYPE"`
	Limit   int      `help:"At most so many." default:"10"`
	Output  string   `help:"table or json." enum:"table,json" default:"table" short:"o"`
}

// Run searches memories.
func (c *memoryRetrieveCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	body := map[string]any{"query": c.Query, "agent": c.Agent, "project_id": c.Project, "limit": c.Limit}
	if len(c.Type) > 0 {
		body["memory_types"] = c.Type
	}
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodPost, "/v1/memories/retrieve", nil, body, &raw); err != nil {
		return err
	}
	l := listing{Output: c.Output}
	return printPage(io, l, raw, []string{"SCORE", "KIND", "TEXT", "ID"}, scoredRow,
		"Nothing found for this agent and project. Name them with --agent and --project.")
}

func scoredRow(item json.RawMessage) ([]string, error) {
	var m alma.ScoredMemory
	if err := json.Unmarshal(item, &m); err != nil {
		return nil, err //nolint:wrapcheck // printPage says what failed.
	}
	return []string{fmt.Sprintf("%.2f", m.Score), string(m.Type), shorten(mainText(&m.Memory), 72), m.ID}, nil
}

type memoryUpdateCmd struct {
	ID      string `arg:"" name:"id" help:"The memory's id."`
	Version int64  `help:"Only if it is at this version." placeholder:"N"`
	members
}

// Run changes members; a member set to null goes away.
func (c *memoryUpdateCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	data, err := c.object(io, "")
	if err != nil {
		return err
	}
	return conn.change(ctx, io, memoryPath(c.ID), c.Version, map[string]any{"data": data})
}

// change patches something, if it is at a version, and prints the answer.
func (c *connection) change(ctx context.Context, io stdio, path string, version int64, body any) error {
	header := http.Header{}
	if version > 0 {
		header.Set("If-Match", strconv.Quote(strconv.FormatInt(version, 10)))
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.Wait))
	defer cancel()
	resp, err := c.open(ctx, http.MethodPatch, path, nil, body, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	return printJSON(io.out, answer)
}

type memoryDeleteCmd struct {
	ID string `arg:"" name:"id" help:"The memory's id."`
}

// Run deletes a memory.
func (c *memoryDeleteCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	if err := conn.call(ctx, http.MethodDelete, memoryPath(c.ID), nil, nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(io.err, "deleted", c.ID)
	return nil
}

type memoryConsolidateCmd struct {
	Type      string  `arg:"" help:"The kind of memory."`
	Agent     string  `help:"The agent whose memories are merged." env:"ALMA_AGENT"`
	Project   string  `help:"The project whose memories are merged." env:"ALMA_PROJECT"`
	Threshold float64 `help:"Merge texts that are at least so similar, 0 to 1." default:"0.85"`
	DryRun    bool    `help:"Only say what would be merged."`
}

// Run merges memories.
func (c *memoryConsolidateCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	return conn.show(ctx, io, http.MethodPost, "/v1/memories/consolidate", map[string]any{
		"memory_type": c.Type, "agent": c.Agent, "project_id": c.Project, "threshold": c.Threshold, "dry_run": c.DryRun,
	})
}

// seconds is a duration as the API takes it.
func seconds(s span) float64 { return time.Duration(s).Seconds() }
