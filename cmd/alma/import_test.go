package main

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// pythonTables are those of the Python library, as far as they hold memories.
const pythonTables = `
CREATE TABLE heuristics (id TEXT PRIMARY KEY, agent TEXT NOT NULL, project_id TEXT NOT NULL, condition TEXT NOT NULL, strategy TEXT NOT NULL,
	confidence REAL, occurrence_count INTEGER, success_count INTEGER, last_validated TEXT, created_at TEXT, metadata TEXT, own_column TEXT);
CREATE TABLE outcomes (id TEXT PRIMARY KEY, agent TEXT NOT NULL, project_id TEXT NOT NULL, task_type TEXT, task_description TEXT NOT NULL,
	success INTEGER, strategy_used TEXT, duration_ms INTEGER, error_message TEXT, user_feedback TEXT, timestamp TEXT, metadata TEXT);
CREATE TABLE preferences (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, category TEXT, preference TEXT NOT NULL, source TEXT, confidence REAL, timestamp TEXT, metadata TEXT);
CREATE TABLE domain_knowledge (id TEXT PRIMARY KEY, agent TEXT NOT NULL, project_id TEXT NOT NULL, domain TEXT, fact TEXT NOT NULL, source TEXT, confidence REAL, last_verified TEXT, metadata TEXT);
CREATE TABLE anti_patterns (id TEXT PRIMARY KEY, agent TEXT NOT NULL, project_id TEXT NOT NULL, pattern TEXT NOT NULL, why_bad TEXT, better_alternative TEXT,
	occurrence_count INTEGER, last_seen TEXT, created_at TEXT, metadata TEXT);
CREATE TABLE embeddings (id INTEGER PRIMARY KEY, memory_type TEXT, memory_id TEXT, embedding BLOB);
INSERT INTO heuristics VALUES ('h1', 'qa', 'shop', 'a long form', 'check field by field <&>', 0.85, 12, 10, '2026-01-20T09:30:00.123456+00:00', '2026-01-01T08:00:00', '{"seen": [1, 2], "note": "prüfe"}', 'kept');
INSERT INTO outcomes VALUES ('o1', 'qa', 'shop', 'test', 'ran the suite', 1, 'h1', 1200, NULL, NULL, '2026-01-02T08:00:00+01:00', '{}');
INSERT INTO preferences VALUES ('p1', 'anna', 'style', 'short answers', 'said so', 1.0, '2026-01-03T08:00:00+00:00', NULL);
INSERT INTO domain_knowledge VALUES ('d1', 'qa', 'shop', 'tax', 'VAT is 19 %', 'law', 1.0, '2026-01-04T08:00:00+00:00', '{}');
INSERT INTO anti_patterns VALUES ('a1', 'qa', 'shop', 'fixed waits', 'slow', 'wait for a condition', 3, '2026-01-06T08:00:00+00:00', '2026-01-05T08:00:00+00:00', '{}');
`

// pythonFile makes a file like those of the Python library.
func pythonFile(t *testing.T, more ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "python.db")
	db, err := sql.Open("sqlite", name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, text := range append([]string{pythonTables}, more...) {
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

func TestImport(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	file := pythonFile(t)
	out := c.do("import", file, "--agent", "helper", "--project", "shop")
	wants(t, "the import", out, "5 new, 0 known, 0 faulty, of 5 rows")
	wants(t, "a second import", c.do("import", file, "--agent", "helper", "--project", "shop"), "0 new, 5 known, 0 faulty")

	for id, want := range map[string]struct{ kind, agent, created, updated, data string }{
		"h1": {"heuristic", "qa", "2026-01-01T08:00:00Z", "2026-01-20T09:30:00.123456Z", `{"condition":"a long form","confidence":0.85,"created_at":"2026-01-01T08:00:00Z","last_validated":"2026-01-20T09:30:00.123456Z","metadata":{"seen":[1,2],"note":"prüfe"},"occurrence_count":12,"own_column":"kept","strategy":"check field by field <&>","success_count":10}`},
		"o1": {"outcome", "qa", "2026-01-02T07:00:00Z", "2026-01-02T07:00:00Z", `{"duration_ms":1200,"metadata":{},"strategy_used":"h1","success":true,"task_description":"ran the suite","task_type":"test","timestamp":"2026-01-02T07:00:00Z"}`},
		"p1": {"preference", "helper", "2026-01-03T08:00:00Z", "2026-01-03T08:00:00Z", `{"category":"style","confidence":1,"preference":"short answers","source":"said so","timestamp":"2026-01-03T08:00:00Z","user_id":"anna"}`},
		"d1": {"domain_knowledge", "qa", "2026-01-04T08:00:00Z", "2026-01-04T08:00:00Z", `{"confidence":1,"domain":"tax","fact":"VAT is 19 %","last_verified":"2026-01-04T08:00:00Z","metadata":{},"source":"law"}`},
		"a1": {"anti_pattern", "qa", "2026-01-05T08:00:00Z", "2026-01-06T08:00:00Z", `{"better_alternative":"wait for a condition","created_at":"2026-01-05T08:00:00Z","last_seen":"2026-01-06T08:00:00Z","metadata":{},"occurrence_count":3,"pattern":"fixed waits","why_bad":"slow"}`},
	} {
		var m struct {
			Kind    string          `json:"memory_type"`
			Agent   string          `json:"agent"`
			Project string          `json:"project_id"`
			Created string          `json:"created_at"`
			Updated string          `json:"updated_at"`
			Data    json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal([]byte(c.do("memory", "get", id)), &m); err != nil {
			t.Fatal(err)
		}
		var data strings.Builder
		if err := json.NewEncoder(&data).Encode(m.Data); err != nil {
			t.Fatal(err)
		}
		got := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", "\n", "").Replace(data.String())
		if m.Kind != want.kind || m.Agent != want.agent || m.Project != "shop" || m.Created != want.created || m.Updated != want.updated || got != want.data {
			t.Errorf("%s came as %+v\n%s\nwant %+v", id, m, got, want)
		}
	}
	if events := c.do("event", "list", "-o", "json"); strings.Contains(events, "event_id") {
		t.Errorf("the import emitted events: %s", events)
	}
	wants(t, "a search", c.do("memory", "retrieve", "long form", "--agent", "qa", "--project", "shop"), "h1")
}

func TestImportWithEvents(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	file := pythonFile(t)
	for range 2 { // The second emits nothing.
		c.do("import", file, "--events")
	}
	events := c.do("event", "list", "-o", "json")
	if n := strings.Count(events, `"event_type": "CREATED"`); n != 5 {
		t.Errorf("%d events; want 5\n%s", n, events)
	}
}

// TestImportInBatches: more rows than one request takes.
func TestImportInBatches(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	file := pythonFile(t, `INSERT INTO preferences SELECT 'many-' || value, 'u', 'c', 'preference ' || value, NULL, 1.0, NULL, NULL FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 1200) SELECT value FROM n)`)
	wants(t, "the import", c.do("import", file), "1205 new, 0 known")
}

func TestImportFaults(t *testing.T) {
	t.Parallel()
	file := pythonFile(t,
		`INSERT INTO heuristics VALUES ('h2', 'qa', 'shop', '', '', 0.5, 1, 1, 'yesterday', NULL, '{', NULL)`,
		`INSERT INTO preferences VALUES ('h1', 'anna', NULL, 'twice', NULL, 1.0, NULL, NULL)`)
	code, _, errs := command(t, "", "import", file, "--dry-run")
	if code != exitFailed {
		t.Errorf("exit %d", code)
	}
	wants(t, "the dry run", errs, "heuristics row 2 (h2): last_validated", "heuristics row 2 (h2): metadata: is no JSON", "preferences row 2 (h1): id: is that of a row of heuristics too")

	c := newTerminal(t)
	wants(t, "the refusal", c.fails(exitFailed, "import", file), "2 of 7 rows are faulty, and nothing was imported", "--skip-faulty")
	wants(t, "the list", c.do("memory", "list", "-o", "json"), `"items": []`)
	code, out, errs := command(t, "", append([]string{"import", file, "--skip-faulty"}, c.args...)...)
	if code != exitFailed {
		t.Errorf("exit %d", code)
	}
	wants(t, "the rest", out+errs, "5 new, 0 known, 2 faulty, of 7 rows", "h2")
	wants(t, "the same ids elsewhere", c.fails(exitFailed, "import", pythonFile(t, `UPDATE outcomes SET agent = 'another'`)), "o1: the server has a memory of this id, of another kind, agent or project")

	text := write(t, filepath.Join(t.TempDir(), "text"), strings.Repeat("no database ", 100))
	wants(t, "a text", c.fails(exitFailed, "import", text), "SQLite")
	wants(t, "another database", c.fails(exitFailed, "import", c.node.cfg.db), "none of the tables of the Python library")
	wants(t, "no file", c.fails(exitFailed, "import", "none.db"), "none.db")
}
