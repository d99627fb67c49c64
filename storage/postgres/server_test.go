package postgres

import (
	"strings"
	"testing"
)

func TestCheckServer(t *testing.T) {
	t.Parallel()
	good := serverInfo{number: 140000, version: "14.0", encoding: "UTF8", schema: "public"}
	if err := good.check(); err != nil {
		t.Errorf("PostgreSQL 14 is refused: %v", err)
	}
	for name, c := range map[string]struct {
		change func(*serverInfo)
		want   string
	}{
		"too old":    {func(i *serverInfo) { i.number, i.version = 130022, "13.22" }, "13.22; version 14"},
		"standby":    {func(i *serverInfo) { i.standby = true }, "primary"},
		"read-only":  {func(i *serverInfo) { i.readOnly = true }, "read-only"},
		"encoding":   {func(i *serverInfo) { i.encoding = "SQL_ASCII" }, "SQL_ASCII"},
		"no schema":  {func(i *serverInfo) { i.schema = "" }, "search_path"},
		"all of old": {func(i *serverInfo) { i.number, i.version, i.standby = 90600, "9.6", true }, "9.6"},
	} {
		info := good
		c.change(&info)
		if err := info.check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v; want it to say %q", name, err, c.want)
		}
	}
}

// TestEraAfter: events stand after all that is stored, whatever became of the
// server's transaction ids.
func TestEraAfter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ era, next, furthest, want int64 }{
		"new":                           {0, 700, 0, 0},
		"usual":                         {0, 700, 699, 0},
		"restored":                      {0, 700, 5000, 1},
		"restored, just the next":       {0, 700, 700, 1},
		"after a restore":               {1, 700, 5000, 1},
		"usual, in a later era":         {3, 700, 3<<eraShift + 600, 3},
		"restored again":                {3, 700, 3<<eraShift + 900, 4},
		"the era itself was lost":       {0, 700, 2<<eraShift + 600, 2},
		"era and transactions lost":     {0, 700, 2<<eraShift + 900, 3},
		"an era ahead of what there is": {5, 700, 3<<eraShift + 900, 5},
	} {
		if got := eraAfter(c.era, c.next, c.furthest); got != c.want {
			t.Errorf("%s: era %d, want %d", name, got, c.want)
		}
	}
}
