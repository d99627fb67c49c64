package pgtest

import (
	"os"
	"os/exec"
)

func prepare(*exec.Cmd) error { return nil }

func give(string) error { return nil }

const copier = ""

// Windows knows one way to end a process.
var (
	signalFast      = os.Kill
	signalImmediate = os.Kill
)
