package postgres

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
)

// numbers knows the numbers of webhooks, so that recording attempts needs no
// look-up. A number never changes, and an id is given once, so whatever other
// nodes do, what is known stays true.
type numbers struct {
	mu   sync.RWMutex
	byID map[string]int64
}

func newNumbers() *numbers { return &numbers{byID: map[string]int64{}} }

func (n *numbers) get(id string) (int64, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	number, ok := n.byID[id]
	return number, ok
}

// learn asks for those of the ids that are not known yet. Those that belong to
// no webhook stay unknown.
func (n *numbers) learn(ctx context.Context, q queryer, ids map[string]struct{}) error {
	var lack []string
	n.mu.RLock()
	for id := range ids {
		if _, ok := n.byID[id]; !ok {
			lack = append(lack, id)
		}
	}
	n.mu.RUnlock()
	if len(lack) == 0 {
		return nil
	}
	rows, err := q.Query(ctx, sqlNumbers, lack)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var id string
	var number int64
	_, err = pgx.ForEachRow(rows, []any{&id, &number}, func() error {
		n.byID[id] = number
		return nil
	})
	return err
}
