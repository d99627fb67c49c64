//go:build !linux

package pgtest

import (
	"io"
	"os"
)

// scratch returns the folder for the data of servers.
func scratch() string { return os.TempDir() }

// hold has nothing to do where the system cleans its folder for what is
// temporary.
func hold(string) (io.Closer, error) { return nil, nil } //nolint:nilnil // No mark is needed.
