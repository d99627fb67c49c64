package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// errAbsent says that PostgreSQL is not installed.
var errAbsent = errors.New("PostgreSQL is not installed: neither pg_config, /usr/lib/postgresql nor PATH leads to initdb and postgres (Debian: apt-get install postgresql)")

// programs returns the folder that holds initdb and postgres, of the newest
// version there is.
func programs() (string, error) {
	for _, folder := range folders() {
		if complete(folder) {
			return folder, nil
		}
	}
	return "", errAbsent
}

func folders() []string {
	list, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // The pattern is well-formed.
	slices.SortFunc(list, func(a, b string) int { return major(b) - major(a) })
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		list = append(list, strings.TrimSpace(string(out)))
	}
	if file, err := exec.LookPath("initdb"); err == nil {
		list = append(list, filepath.Dir(file))
	}
	return list
}

// major reads the version out of "/usr/lib/postgresql/15/bin".
func major(folder string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder))) // 0 sorts last.
	return n
}

func complete(folder string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return false
		}
	}
	return true
}
