package dashboard

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/alma-events/alma"
)

type memoriesPage struct {
	List     listing[alma.ScoredMemory]
	Filters  []filter
	Search   string
	Query    url.Values
	Filtered bool
	Faults   []alma.Fault
}

var memoryFilters = []filter{
	{Name: "memory_type", Label: "Type", Options: []string{"", "heuristic", "outcome", "preference", "domain_knowledge", "anti_pattern"}},
	{Name: "agent", Label: "Agent"},
	{Name: "project_id", Label: "Project"},
}

// showMemories lists memories, or searches them. A search is a retrieval like
// any other: it is recorded as an ACCESSED event.
func showMemories(v *visit) error {
	p := memoriesPage{Query: v.r.URL.Query(), Search: strings.TrimSpace(v.r.FormValue("q"))}
	var query url.Values
	p.Filters, query = v.read(memoryFilters)
	p.Filtered = len(query) > 0 || p.Search != ""
	var err error
	if p.Search == "" {
		p.Faults, err = list(v, "/v1/memories", query, &p.List)
	} else {
		p.Faults, err = v.search(&p, query)
	}
	if err != nil {
		return err
	}
	return v.render("memories", "Memories", "/memories", p)
}

func (v *visit) search(p *memoriesPage, query url.Values) ([]alma.Fault, error) {
	body := map[string]any{"query": p.Search, "agent": query.Get("agent"), "project_id": query.Get("project_id"), "limit": alma.DefaultPageSize}
	if kind := query.Get("memory_type"); kind != "" {
		body["memory_types"] = []string{kind}
	}
	err := v.post("/v1/memories/retrieve", body, &p.List)
	if refused, ok := err.(*problem); ok && refused.Status == http.StatusUnprocessableEntity { //nolint:errorlint // post returns it as it is.
		return refused.Errors, nil
	}
	return nil, err
}

type memoryPage struct {
	Memory  *alma.Memory // Nil when it was deleted; its history may remain.
	ID      string
	History listing[alma.Event]
	Query   url.Values
}

func showMemory(v *visit) error {
	p := memoryPage{ID: v.r.PathValue("id"), Query: v.r.URL.Query()}
	var m alma.Memory
	err := v.get("/v1/memories/"+url.PathEscape(p.ID), nil, &m)
	switch {
	case err == nil:
		p.Memory = &m
	case statusOf(err) != http.StatusNotFound:
		return err
	}
	if _, historyErr := list(v, "/v1/events", url.Values{"memory_id": {p.ID}}, &p.History); historyErr != nil {
		return historyErr
	}
	if p.Memory == nil && len(p.History.Items) == 0 {
		return err
	}
	return v.render("memory", "Memory", "/memories", p)
}
