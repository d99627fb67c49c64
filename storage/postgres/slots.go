package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// slotNumbers returns slots as the statements take them.
func slotNumbers(slots []alma.Slot) []int16 {
	list := make([]int16, len(slots))
	for i, slot := range slots {
		list[i] = int16(slot) //nolint:gosec // Less than alma.Slots.
	}
	return list
}

// TakeSlots makes a node the owner of slots; see [alma.NodeStore].
func (s *Store) TakeSlots(ctx context.Context, node string, slots []alma.Slot) (alma.Takeover, error) {
	var t alma.Takeover
	freed := false
	err := s.member(ctx, "take slots", func(ctx context.Context, tx pgx.Tx) error {
		if err := keepNode(ctx, tx, node); err != nil {
			return err
		}
		numbers := slotNumbers(slots)
		fenced, err := fence(ctx, tx, node, numbers)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlTakeSlots, node, numbers); err != nil {
			return err
		}
		if freed = len(fenced) > 0; freed {
			if err := s.tellChange(ctx, tx); err != nil {
				return err
			}
		}
		t, err = s.readTakeover(ctx, tx, node, numbers)
		return err
	})
	if err != nil {
		return alma.Takeover{}, err
	}
	if freed {
		s.changes.signal()
	}
	return t, nil
}

// fence ends the sessions of those owners of slots whose lease has run out,
// and frees all that they own.
func fence(ctx context.Context, tx pgx.Tx, node string, slots []int16) ([]string, error) {
	rows, err := tx.Query(ctx, sqlFenceOwners, node, slots)
	if err != nil {
		return nil, err
	}
	fenced, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(fenced) == 0 {
		return nil, err
	}
	_, err = tx.Exec(ctx, sqlFreeSlots, fenced, nil)
	return fenced, err
}

// readTakeover reads which of the slots the node owns, and what is in them.
func (s *Store) readTakeover(ctx context.Context, tx pgx.Tx, node string, slots []int16) (alma.Takeover, error) {
	var t alma.Takeover
	rows, err := tx.Query(ctx, sqlSlotPlaces, node, slots)
	if err != nil {
		return t, err
	}
	var owned []int16
	t.Slots, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (alma.SlotPlace, error) {
		var slot int16
		var p place
		err := row.Scan(&slot, &p.xact, &p.seq)
		owned = append(owned, slot)
		return alma.SlotPlace{Slot: alma.Slot(slot), Watermark: p.position()}, err //nolint:gosec // Not negative.
	})
	if err != nil {
		return t, err
	}
	b := &pgx.Batch{}
	b.Queue(sqlWebhooksOfSlots, owned).Query(func(rows pgx.Rows) (err error) {
		t.Webhooks, err = s.collectWebhooks(rows)
		return err
	})
	b.Queue(sqlLanesOfSlots, owned).Query(func(rows pgx.Rows) (err error) {
		t.Lanes, err = collectLanes(rows)
		return err
	})
	return t, tx.SendBatch(ctx, b).Close()
}

// ReleaseSlots frees slots of a node; see [alma.NodeStore].
func (s *Store) ReleaseSlots(ctx context.Context, node string, slots []alma.Slot) error {
	err := s.member(ctx, "release slots", func(ctx context.Context, tx pgx.Tx) error {
		if err := keepNode(ctx, tx, node); err != nil {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(sqlFreeSlots, []string{node}, slotNumbers(slots))
		b.Queue(sqlNotify, s.changeChannel())
		return tx.SendBatch(ctx, b).Close()
	})
	if err == nil {
		s.changes.signal()
	}
	return err
}
