package postgres

import (
	"context"

	"github.com/alma-events/alma/internal/pgtest"
)

// Tables makes databases that have their tables already: those of a program
// that has opened them once.
var Tables = pgtest.NewTemplate(func(databaseURL string) error {
	s, err := Open(context.Background(), databaseURL, Options{})
	if err != nil {
		return err
	}
	return s.Close()
})
