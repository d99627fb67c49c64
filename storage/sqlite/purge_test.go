package sqlite_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/sqlite"
)

const secretWord = "xylophonist"

// fill appends events with bulky data, so that the file has many pages.
func fill(t *testing.T, s *sqlite.Store, prefix string, n int) {
	t.Helper()
	events := make([]alma.Event, n)
	for i := range events {
		events[i] = event(t, fmt.Sprint(prefix, i))
		events[i].Data = json.RawMessage(`{"text":"` + strings.Repeat("y", 900) + `"}`)
	}
	if _, err := s.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

func purge(t *testing.T, s *sqlite.Store, q alma.PurgeQuery) {
	t.Helper()
	for place := ""; ; {
		p, err := s.Purge(t.Context(), q, place)
		if err != nil {
			t.Fatal(err)
		}
		if place = p.Next; place == "" {
			return
		}
	}
}

// inFiles counts a word in the files of a database.
func inFiles(t *testing.T, path string, word string) int {
	t.Helper()
	n := 0
	for _, name := range []string{path, path + "-wal"} {
		content, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		n += bytes.Count(content, []byte(word))
	}
	return n
}

// TestPurgeLeavesNoWord: after a purge, the words of the events, memories,
// messages and answers that it erased are nowhere in the files.
func TestPurgeLeavesNoWord(t *testing.T) {
	t.Parallel()
	s := openFile(t, sqlite.Options{})
	fill(t, s, "before", 200)
	events := make([]alma.Event, 0, 300)
	for i := range 300 {
		e := event(t, fmt.Sprint("mine", i))
		e.Agent = "agent-" + secretWord
		e.Data = json.RawMessage(`{"text":"` + strings.Repeat(secretWord+" ", 1+i%400) + `"}`)
		e.Envelope = json.RawMessage(`{"from":"` + secretWord + `"}`)
		events = append(events, e)
	}
	at, err := s.Append(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, "after", 200)
	deliver(t, s, at)
	saveMemories(t, s)
	if n := inFiles(t, s.Path(), secretWord); n == 0 {
		t.Fatal("the word was not in the files before")
	}

	purge(t, s, alma.PurgeQuery{Agent: "agent-" + secretWord})
	for _, word := range []string{secretWord, strings.ToUpper(secretWord)} {
		if n := inFiles(t, s.Path(), word); n != 0 {
			t.Errorf("%q is in the files %d times after the purge", word, n)
		}
	}
	if events := readAll(t, s); len(events) != 700 || !events[250].Erased || events[250].Agent != "" || events[650].Erased {
		t.Errorf("the log holds %d events; event 250: %+v", len(events), events[250])
	}
}

// deliver settles failed, pending and successful deliveries that repeat the word.
func deliver(t *testing.T, s *sqlite.Store, at []alma.Appended) {
	t.Helper()
	if _, err := s.CreateWebhook(t.Context(), alma.Webhook{ID: "wh_1", State: alma.StateActive}); err != nil {
		t.Fatal(err)
	}
	for i, a := range at {
		st := alma.Settlement{Attempts: []alma.SettledAttempt{{WebhookID: "wh_1", Positions: []alma.Position{a.Position}, Attempt: alma.Attempt{
			Number: 1, At: now(), Reason: alma.ReasonStatus5xx, Error: secretWord,
			Detail: &alma.AttemptDetail{RequestHeaders: map[string]string{"X": secretWord}, ResponseBody: strings.Repeat(secretWord, 1+i%100)},
		}}}}
		if i%3 > 0 {
			st.Exceptions = []alma.Exception{{
				WebhookID: "wh_1", Position: a.Position, Status: []alma.DeliveryStatus{alma.StatusFailed, alma.StatusPending}[i%3-1], Attempts: 1, LastError: secretWord,
				Message: &alma.Message{Body: []byte(strings.Repeat(secretWord, 1+i%200))},
			}}
		}
		if err := s.Settle(t.Context(), st); err != nil {
			t.Fatal(err)
		}
	}
}

// saveMemories saves memories that hold the word, changes some, and removes some.
func saveMemories(t *testing.T, s *sqlite.Store) {
	t.Helper()
	for i := range 60 {
		m := alma.Memory{ID: fmt.Sprint("m", i), Type: alma.TypeHeuristic, Agent: "agent-" + secretWord, Version: 1, CreatedAt: now(), UpdatedAt: now()}
		m.Data = json.RawMessage(fmt.Sprintf(`{"strategy":"%s number%d"}`, strings.Repeat(secretWord+" ", 1+i*7), i))
		if i%2 == 0 {
			m.Agent, m.Data = "other", json.RawMessage(`{"strategy":"harmless"}`)
		}
		change := alma.MemoryChange{Memory: m}
		if _, err := s.ApplyMemories(t.Context(), []alma.MemoryChange{change}, nil); err != nil {
			t.Fatal(err)
		}
		if i%5 == 0 { // Changed once more, and then perhaps removed.
			change.Memory.Version, change.ExpectVersion, change.Delete = 2, 1, i%10 == 0
			if _, err := s.ApplyMemories(t.Context(), []alma.MemoryChange{change}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestPruningShrinksTheFile: a file made now gives its pages back; one that was
// made without auto_vacuum keeps them for what comes.
func TestPruningShrinksTheFile(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"new file": false, "file made before": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openFile(t, sqlite.Options{})
			if old {
				makeOld(t, s)
			}
			fill(t, s, "a", 5000)
			full := stats(t, s)
			last := readAll(t, s)[4999].Position
			if err := s.Settle(t.Context(), alma.Settlement{Watermark: last}); err != nil {
				t.Fatal(err)
			}
			for more := true; more; {
				p, err := s.Prune(t.Context(), alma.Retention{Events: now().Add(time.Hour)})
				if err != nil {
					t.Fatal(err)
				}
				more = p.More
			}
			empty := stats(t, s)
			t.Logf("%d bytes before, %d after, of which unused %d", full.SizeBytes, empty.SizeBytes, empty.UnusedBytes)
			if !old {
				if empty.SizeBytes > full.SizeBytes/4 {
					t.Errorf("the file of %d bytes has %d after everything was removed", full.SizeBytes, empty.SizeBytes)
				}
				return
			}
			if empty.UnusedBytes < full.SizeBytes*3/4 {
				t.Errorf("of %d bytes only %d are told to be unused", empty.SizeBytes, empty.UnusedBytes)
			}
			fill(t, s, "b", 4000)
			if again := stats(t, s); again.SizeBytes > full.SizeBytes {
				t.Errorf("the file grew from %d to %d bytes although it had room", full.SizeBytes, again.SizeBytes)
			}
		})
	}
}

// makeOld takes auto_vacuum away, as in a file of an earlier version.
func makeOld(t *testing.T, s *sqlite.Store) {
	t.Helper()
	conn, err := s.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, text := range []string{"PRAGMA auto_vacuum = NONE", "VACUUM"} {
		if _, err := conn.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}

func stats(t *testing.T, s *sqlite.Store) sqlite.Stats {
	t.Helper()
	st, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st
}
