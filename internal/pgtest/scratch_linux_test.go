package pgtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestForget: what a killed process left in memory goes, and what is in use
// stays.
func TestForget(t *testing.T) {
	t.Parallel()
	where := t.TempDir()
	folder := func(name string, age time.Duration) string {
		path := filepath.Join(where, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if name == prefix+"held" {
			mark, err := hold(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { mark.Close() })
		}
		if err := os.Chtimes(path, time.Now(), time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	left, held, begun, other := folder(prefix+"left", 2*fresh), folder(prefix+"held", 2*fresh), folder(prefix+"begun", 0), folder("other", 2*fresh)
	forget(where)
	for path, want := range map[string]bool{left: false, held: true, begun: true, other: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %t, want %t", filepath.Base(path), err == nil, want)
		}
	}
}
