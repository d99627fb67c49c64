package storagetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/alma-events/alma"
)

// Features say what a driver can do beyond [alma.Storage]. Cases that need
// what is absent are skipped.
type Features struct {
	// Reopen closes a storage and opens the same data again, as a restart of
	// the program would.
	Reopen func(t *testing.T, s alma.Storage) alma.Storage
	// BeginTx begins a transaction of the host program on the storage's
	// database.
	BeginTx func(t *testing.T, s alma.Storage) HostTx
	// Nodes says that several processes may use the storage at once: it
	// fulfils [alma.NodeStore].
	Nodes bool
	// PrunesCoarsely says that Prune removes in large pieces only, such as
	// partitions: cases do not ask that what is old goes, only that what is
	// needed stays.
	PrunesCoarsely bool
	// Only names the areas to run, such as "Webhooks": for a driver with other
	// settings, where the rest is the same. Defaults to all.
	Only []string
}

// HostTx is a transaction of the host program.
type HostTx interface {
	// Append puts events into the transaction.
	Append(ctx context.Context, events ...alma.Event) ([]alma.Appended, error)
	Commit() error
	Rollback() error
}

// Run runs all cases. open returns a new and empty storage, and closes it by
// t.Cleanup; Close may have been called before.
func Run(t *testing.T, open func(t *testing.T) alma.Storage, f Features) {
	t.Helper()
	for _, area := range []struct {
		name  string
		cases []testCase
	}{
		{"Log", logCases},
		{"FindEvents", findEventsCases},
		{"Lanes", laneCases},
		{"Exceptions", exceptionCases},
		{"Deliveries", deliveryCases},
		{"Failed", failedCases},
		{"Webhooks", webhookCases},
		{"Sources", sourceCases},
		{"Keys", keyCases},
		{"Notices", noticeCases},
		{"Stats", statsCases},
		{"Audit", auditCases},
		{"Calls", callCases},
		{"Memories", memoryCases},
		{"Search", searchCases},
		{"Concurrency", concurrencyCases},
		{"Hosts", hostCases},
		{"Nodes", nodeCases},
		{"Fencing", fencingCases},
		{"Changes", changeCases},
		{"Replays", replayCases},
		{"Prune", pruneCases},
		{"Purge", purgeCases},
		{"Life", lifeCases},
	} {
		if len(f.Only) > 0 && !slices.Contains(f.Only, area.name) {
			continue
		}
		t.Run(area.name, func(t *testing.T) {
			for _, c := range area.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.start(t, open, f)
				})
			}
		})
	}
}

// testCase is one promise of the contract.
type testCase struct {
	name        string
	explanation string // What is promised, and why it matters.
	run         func(e *env)
}

// caseTimeout ends a case that waits for something that never comes.
const caseTimeout = 30 * time.Second

func (c testCase) start(t *testing.T, open func(t *testing.T) alma.Storage, f Features) {
	ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
	t.Cleanup(func() {
		cancel()
		if t.Failed() {
			t.Logf("This case is about: %s", c.explanation)
		}
	})
	c.run(&env{T: t, ctx: ctx, Storage: open(t), features: f})
}
