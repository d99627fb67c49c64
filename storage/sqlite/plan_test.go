package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// TestListingsWalkIndexes asks SQLite how it would run the queries whose cost
// must not grow with the store: none may read a whole table, or sort more than
// what its limit lets through.
func TestListingsWalkIndexes(t *testing.T) {
	t.Parallel()
	s, err := OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for name, query := range map[string]string{
		"all deliveries":           sqlCandidates,
		"deliveries of a webhook":  sqlLaneCandidates,
		"successes":                sqlAttempted,
		"successes of a webhook":   sqlLaneAttempted,
		"by status":                sqlExceptional,
		"pending of a webhook":     sqlLanePending,
		"exceptions of a webhook":  sqlLaneExceptional,
		"shown deliveries":         sqlDeliveries,
		"failed of a webhook":      sqlFailedGroups,
		"webhooks with exceptions": sqlExceptionalWebhooks,
		"events":                   sqlFindEvents,
		"events of a memory":       sqlFindEventsByMemory,
		"events by id":             sqlFindEventsByID,
		"read":                     sqlReadEvents,
		"end of the log":           sqlLogTail,
		"settled":                  sqlSettled,
		"waiting":                  sqlWaiting,
		"lanes of some":            sqlLanesOf,
		"exception":                sqlException,
		"suppression":              sqlAddSuppressed,
		"memories":                 sqlListMemories,
		"memories of one scope":    sqlListExactly,
		"embeddings":               sqlScopeEmbeddings,
		"known events":             sqlEventsByID,
		"batch rows":               sqlBatchRows,
		"log of one delivery":      sqlAttemptLog,
		"pending messages":         sqlDeletePendingMessages,
		"failing what is pending":  sqlFailPending,
		"moving members":           sqlMoveMembers,
		"a replay":                 sqlReplayAll,
		"a replay of failures":     sqlReplayFailed,
		"a replay of successes":    sqlReplaySucceeded,
		"a replay of suppressed":   sqlReplaySuppressed,
		"count of all":             sqlCountAll,
		"count of failures":        sqlCountFailed,
		"count of successes":       sqlCountSucceeded,
		"unfinished replays":       sqlUnfinishedReplays,
		"progress of a replay":     sqlMoveReplay,
		"old events":               sqlOldEvents,
		"old attempts":             sqlOldAttempts,
		"old deliveries":           sqlOldDeliveries,
		"old replays":              sqlDeleteReplays,
		"attempts of old events":   sqlDeleteAttemptsOf,
		"attempts that go":         sqlDeleteAttempts,
		"deliveries of old events": sqlDeliveriesOf,
		"deliveries that go":       sqlDeleteDeliveries,
		"their attempts":           sqlDeleteDeliveryTries,
		"their messages":           sqlDeleteMessagesOf,
		"events to erase":          sqlPurgeSeqs,
		"events of a memory again": sqlPurgeSeqsOf,
		"attempts to erase":        sqlEraseAttempts,
		"details of batches":       sqlEraseBatchDetails,
		"messages to erase":        sqlEraseMessages,
		"errors to erase":          sqlEraseErrors,
		"pending ones to erase":    sqlErasePending,
		"memories to erase":        sqlPurgeMemories,
		"resolving members":        sqlResolveMembers,
		"an event at a place":      sqlEventTime,
		"the key of a request":     sqlFindKey,
		"the version of a memory":  sqlMemoryVersion,
		"lanes with what they owe": strings.ReplaceAll(sqlLanes, "FROM alma_lanes AS l", "FROM (SELECT * FROM alma_lanes WHERE webhook = 1) AS l"),
	} {
		for _, step := range plan(t, s, query) {
			whole := strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "VIRTUAL TABLE") && !allowedScan(step)
			if whole {
				t.Errorf("%s reads a whole table: %s\n%s", name, step, strings.Join(plan(t, s, query), "\n"))
			}
		}
	}
}

// TestPendingHaveTheirIndex: a webhook may have a million failed deliveries
// beside a few pending ones.
func TestPendingHaveTheirIndex(t *testing.T) {
	t.Parallel()
	s, err := OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for query, index := range map[string]string{
		sqlWaiting:               "alma_exceptions_pending",
		sqlLanePending:           "alma_exceptions_pending",
		sqlFailPending:           "alma_exceptions_pending",
		sqlDeletePendingMessages: "alma_exceptions_pending",
		sqlLanes:                 "alma_exceptions_status (status=?)",
		sqlAddSuppressed:         "alma_exceptions_job",
	} {
		if got := strings.Join(plan(t, s, query), "\n"); !strings.Contains(got, index) {
			t.Errorf("%s\nruns without %s:\n%s", query, index, got)
		}
	}
}

// allowedScan names what is small, or walked in order up to a limit.
func allowedScan(step string) bool {
	for _, ok := range []string{
		"SCAN CONSTANT ROW",
		"SCAN c",           // The candidates.
		"SCAN k", "SCAN p", // The keys of a page; the pending counts of lanes.
		"SCAN jump",            // From one webhook to the next.
		"SCAN sqlite_sequence", // A handful of rows.
		"SCAN alma_events",     // ORDER BY seq DESC LIMIT 1.
		"SCAN json_each", "SCAN (subquery",
		"SCAN alma_replays", "SCAN r", // By an index of the unfinished ones.
	} {
		if strings.HasPrefix(step, ok) {
			return true
		}
	}
	return false
}

func plan(t *testing.T, s *Store, query string) []string {
	t.Helper()
	args := make([]any, 12)
	for i := range args {
		args[i] = 1
	}
	n := parameters(query)
	var steps []string
	err := s.read(t.Context(), "plan", func(ctx context.Context, q *statements) error {
		return q.query(context.Background(), func(rows *sql.Rows) error {
			var id, parent, unused int
			var step string
			err := rows.Scan(&id, &parent, &unused, &step)
			steps = append(steps, step)
			return err
		}, "EXPLAIN QUERY PLAN "+query, args[:n]...)
	})
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", query, err))
	}
	return steps
}

// parameters counts the parameters of a statement, numbered or not.
func parameters(query string) int {
	for n := 12; n > 0; n-- {
		if strings.Contains(query, fmt.Sprint("?", n)) {
			return n
		}
	}
	return strings.Count(query, "?")
}
