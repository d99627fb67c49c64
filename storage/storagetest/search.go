package storagetest

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/alma-events/alma"
)

var searchCases = []testCase{
	{"Ranking", "the best match comes first, with a score near 1; what has none of the words is not found", testRanking},
	{"Scope", "a search never leaves its agent and project: memories of others must not show", testScope},
	{"Types", "a search can be kept to kinds of memory", testSearchTypes},
	{"AllTexts", "every text within a memory's data is found, not only the main one", testAllTexts},
	{"Changes", "a search finds what is stored now, not what was", testSearchChanges},
	{"Languages", "text in any language is found: umlauts with or without dots, scripts without spaces by their words", testLanguages},
	{"AnyInput", "nothing that a person types is an error", testAnyInput},
	{"Embedding", "with an embedding the nearest memories are found too, and carry their own", testEmbedding},
	{"Limit", "a search returns at most its limit, the best ones", testSearchLimit},
}

func (e *env) search(q alma.MemorySearch) []alma.ScoredMemory {
	e.Helper()
	if q.Agent == "" {
		q.Agent, q.ProjectID = "agent", "project"
	}
	if q.Limit == 0 {
		q.Limit = 10
	}
	list, err := e.SearchMemories(e.ctx, q)
	e.check(err, "search for "+q.Text)
	for i, m := range list {
		if m.Score < 0 || m.Score > 1 {
			e.Fatalf("%s has the score %v; want 0 to 1", m.ID, m.Score)
		}
		if i > 0 && m.Score > list[i-1].Score {
			e.Fatalf("%s has a higher score than the memory before", m.ID)
		}
	}
	return list
}

// found returns the ids that a search for a text finds, the best first.
func (e *env) found(text string) []string {
	e.Helper()
	return ids(e.search(alma.MemorySearch{Text: text}))
}

func ids(list []alma.ScoredMemory) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].ID
	}
	return out
}

func testRanking(e *env) {
	e.save(
		memory("both", "validate large forms step by step"),
		memory("one", "large tables need an index"),
		memory("none", "retry after a timeout"),
		memory("more", "use a queue for slow work"),
		memory("other", "never trust user input"),
	)
	list := e.search(alma.MemorySearch{Text: "large forms"})
	e.equal(ids(list), []string{"both", "one"}, "found memories")
	if list[0].Score < 0.9 || list[1].Score >= list[0].Score {
		e.Fatalf("scores are %v and %v; want the best near 1, the other less", list[0].Score, list[1].Score)
	}
	e.equal(list[0].Memory, memory("both", "validate large forms step by step"), "the found memory")
}

func testScope(e *env) {
	e.save(
		memory("mine", "shared words here"),
		memory("agent2", "shared words here", func(m *alma.Memory) { m.Agent = "agent2" }),
		memory("project2", "shared words here", func(m *alma.Memory) { m.ProjectID = "project2" }),
		memory("no project", "shared words here", func(m *alma.Memory) { m.ProjectID = "" }),
		memory("swapped", "shared words here", func(m *alma.Memory) { m.Agent, m.ProjectID = "project", "agent" }),
	)
	vector := []float32{1, 0}
	e.equal(ids(e.search(alma.MemorySearch{Text: "shared words"})), []string{"mine"}, "found memories")
	e.equal(ids(e.search(alma.MemorySearch{Text: "shared words", Embedding: vector})), []string{"mine"}, "found memories with an embedding")
	e.equal(ids(e.search(alma.MemorySearch{Text: "shared", Agent: "agent"})), []string{"no project"}, "found memories without a project")
}

func testSearchTypes(e *env) {
	as := func(t alma.MemoryType) func(*alma.Memory) { return func(m *alma.Memory) { m.Type = t } }
	e.save(memory("h", "same words"), memory("o", "same words", as(alma.TypeOutcome)), memory("p", "same words", as(alma.TypePreference)))
	for want, types := range map[string][]alma.MemoryType{"h o p": nil, "o": {alma.TypeOutcome}, "h p": {alma.TypePreference, alma.TypeHeuristic}, "": {alma.TypeAntiPattern}} {
		got := ids(e.search(alma.MemorySearch{Text: "words", Types: types}))
		e.equal(strings.Join(sorted(got), " "), want, "found memories")
	}
}

func testAllTexts(e *env) {
	m := memory("a", "")
	m.Data = json.RawMessage(`{"strategy":"main","condition":"sometimes","metadata":{"tags":["nested",{"deep":"bottomless"}],"n":42}}`)
	e.save(m)
	for _, word := range []string{"main", "sometimes", "nested", "bottomless"} {
		e.equal(e.found(word), []string{"a"}, "found by "+word)
	}
	e.equal(len(e.found("metadata")), 0, "number found by the name of a member")
}

func testSearchChanges(e *env) {
	e.save(memory("a", "before"), memory("b", "before"))
	_, err := e.ApplyMemories(e.ctx, []alma.MemoryChange{
		{Memory: memory("a", "after", func(m *alma.Memory) { m.Version = 2 }), ExpectVersion: 1},
		{Memory: alma.Memory{ID: "b"}, ExpectVersion: 1, Delete: true},
	}, nil)
	e.check(err, "change")
	e.equal(len(e.found("before")), 0, "number found by what was")
	e.equal(e.found("after"), []string{"a"}, "found by what is")
}

func testLanguages(e *env) {
	e.save(
		memory("de", "Prüfe große Formulare schrittweise"),
		memory("fr", "Évitez les requêtes répétées"),
		memory("ru", "Проверяйте данные заранее"),
		memory("ja", "東京都の図書館で本を借りる"),
		memory("zh", "图书馆明天关门"),
		memory("ko", "도서관에서 책을 빌리다"),
	)
	for text, want := range map[string]string{
		"Prüfe": "de", "prufe": "de", "formulare": "de", "evitez": "fr", "REQUÊTES": "fr", "данные": "ru",
		"図書館": "ja", "東京": "ja", "明天": "zh", "도서관": "ko",
	} {
		got := e.found(text)
		if len(got) == 0 || got[0] != want {
			e.Fatalf("a search for %q found %v first; want %s", text, got, want)
		}
	}
}

func testAnyInput(e *env) {
	e.save(memory("a", `she said "stop" AND went NEAR the door (twice)`))
	for _, text := range []string{
		"", " ", `"`, `""`, `'`, `*`, `a*`, `NEAR(`, `NEAR(a b, 3)`, `AND`, `OR OR`, `NOT`, `a AND`, `(`, `)`, `{main} : x`, `scope : s1`, `-x`, `^x`, `+`,
		`x:y`, `;--`, "\x00", "a\x00b", "\xff\xfe", "\u0301", `%_\`, strings.Repeat("word ", 5000), strings.Repeat("x", 100_000), strings.Repeat(`"`, 1000),
	} {
		e.search(alma.MemorySearch{Text: text})
	}
	e.equal(e.found(`"stop" (AND`), []string{"a"}, "found among signs")
	e.equal(len(e.found("")), 0, "number found by nothing")
	e.equal(len(e.found("\u0301 * ?")), 0, "number found by signs alone")
}

func testEmbedding(e *env) {
	with := func(v ...float32) func(*alma.Memory) { return func(m *alma.Memory) { m.Embedding = v } }
	e.save(
		memory("near", "something else entirely", with(1, 0.1)),
		memory("far", "nothing alike", with(0, 1)),
		memory("away", "opposite", with(-1, 0)),
		memory("words", "exact words", with(0.6, 0.8)),
		memory("plain", "exact thing"),
		memory("other size", "of another model", with(1, 0, 0)),
	)
	list := e.search(alma.MemorySearch{Text: "exact words", Embedding: []float32{1, 0}, Limit: 3})
	got := sorted(ids(list))
	if !slices.Contains(got, "near") || !slices.Contains(got, "words") {
		e.Fatalf("found %v; want the nearest and the one with the words among them", got)
	}
	for _, m := range list {
		if m.ID == "near" {
			e.equal(m.Embedding, []float32{1, 0.1}, "the embedding of a found memory")
		}
	}
	alone := e.search(alma.MemorySearch{Embedding: []float32{2, 0}, Limit: 1})
	e.equal(ids(alone), []string{"near"}, "found by the embedding alone")
}

func testSearchLimit(e *env) {
	e.save(memory("a", "word and more and more words to read"), memory("b", "word"), memory("c", "word and a few others"), memory("d", "else"), memory("f", "other"), memory("g", "again"), memory("h", "last"))
	e.equal(ids(e.search(alma.MemorySearch{Text: "word", Limit: 1})), []string{"b"}, "the best one")
	e.equal(len(e.search(alma.MemorySearch{Text: "word", Limit: 2})), 2, "number of the best two")
}
