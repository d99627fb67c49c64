package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/alma-events/alma"
)

// purgeRows bounds what one step of a purge erases.
const purgeRows = 250

// Purge erases a part of what is asked for; see [alma.RetentionStore]. Freed
// content is overwritten, and the index of words is merged so that none of a
// removed memory is left in it. What SQLite leaves behind when it moves rows
// between pages only a VACUUM removes: a purge ends with one when the file has
// at most 256 MiB, and says so in Remains when it has more. Appends and settles
// wait meanwhile, about a second for 100 MiB. At last SQLite's log is emptied
// into the file.
func (s *Store) Purge(ctx context.Context, q alma.PurgeQuery, place string) (alma.Purged, error) {
	const operation = "purge"
	if err := q.Validate(); err != nil {
		return alma.Purged{}, wrap(operation, err)
	}
	p, err := parsePurgePlace(place)
	if err != nil {
		return alma.Purged{}, wrap(operation, err)
	}
	switch p.stage {
	case purgeEvents:
		return s.purgeEvents(ctx, &q, p.at)
	case purgeMemories:
		return s.purgeMemories(ctx, &q, p.at)
	default:
		return s.purgeTraces(ctx, &q)
	}
}

// The stages of a purge.
const (
	purgeEvents   = "e"
	purgeMemories = "m"
	purgeTraces   = "t"
)

// purgePlace is where a purge goes on: a stage, and the last row it came to.
type purgePlace struct {
	stage string
	at    int64
}

func (p purgePlace) String() string { return p.stage + strconv.FormatInt(p.at, 36) }

func parsePurgePlace(text string) (purgePlace, error) {
	if text == "" {
		return purgePlace{stage: purgeEvents}, nil
	}
	p := purgePlace{stage: text[:1]}
	var err error
	p.at, err = strconv.ParseInt(text[1:], 36, 64)
	if err != nil || !slices.Contains([]string{purgeEvents, purgeMemories, purgeTraces}, p.stage) {
		return purgePlace{}, fmt.Errorf("%q is no place of a purge: want Purged.Next of the call before", text)
	}
	return p, nil
}

// purgeTraces removes what erased content has left in the file: words in
// segments of the index, free pages, and the rest.
func (s *Store) purgeTraces(ctx context.Context, q *alma.PurgeQuery) (alma.Purged, error) {
	const operation = "purge: tidy up"
	if q.DryRun {
		return alma.Purged{}, nil
	}
	more := false
	err := s.write(ctx, &job{operation: operation, isolated: true, run: func(ctx context.Context, t *txn) error {
		return t.thoroughly(ctx, func() (err error) {
			if _, err = t.exec(ctx, sqlOptimizeText); err != nil {
				return err
			}
			if _, err = t.exec(ctx, sqlForgetAnswers); err != nil {
				return err
			}
			more, err = freePages(ctx, t.statements)
			return err
		})
	}})
	if err != nil {
		return alma.Purged{}, err
	}
	if more {
		return alma.Purged{Next: purgePlace{purgeTraces, 0}.String()}, nil
	}
	remains, err := s.scrub(ctx)
	return alma.Purged{Remains: remains}, wrap(operation, err)
}
