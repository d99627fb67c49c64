// Package programtest builds the program for tests that run it as its users do.
package programtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

// Path builds alma, once for the tests of a package, and returns the file.
var Path = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "alma-test-")
	if err != nil {
		return "", fmt.Errorf("build alma: %w", err)
	}
	built = dir
	name := filepath.Join(dir, "alma")
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	cmd := exec.Command("go", "build", "-o", name, "github.com/alma-events/alma/cmd/alma") //nolint:gosec,noctx // Go's own program; it has no end but its own.
	cmd.Env = Environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build alma: %w: %s", err, out)
	}
	return name, nil
})

// built is the folder with the program, once there is one.
var built string

// Remove removes what Path has built; it comes after all tests.
func Remove() {
	if built != "" {
		os.RemoveAll(built) // It is for what is temporary.
	}
}

// Environment is that of all builds in tests, and of `make build`: one compiling
// of everything serves them all, and clones too, for no paths are in what is
// built.
func Environment() []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath "+os.Getenv("GOFLAGS"))
}
