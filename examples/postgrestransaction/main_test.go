package main

import (
	"os"
	"strings"
	"testing"

	"github.com/alma-events/alma/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Wrap(m).Run()) }

func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), &out, pgtest.Database(t)); err != nil {
		t.Fatal(err)
	}
	want := `refused: a negative total
in the log: ORDER_PLACED {"article":"teapot","total":24}
in the log: ORDER_PLACED {"article":"kettle","total":39}
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}
}
