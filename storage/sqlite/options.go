package sqlite

import (
	"log/slog"
	"time"
)

// Synchronous says when SQLite waits for the disk (PRAGMA synchronous).
type Synchronous string

// How safe a commit is when the power fails. A killed process loses nothing
// acknowledged under any of them but SynchronousOff on a failing machine.
const (
	SynchronousFull   Synchronous = "FULL"   // Each commit is on the disk when it is acknowledged.
	SynchronousNormal Synchronous = "NORMAL" // A power failure may take back the last commits.
	SynchronousOff    Synchronous = "OFF"    // A power failure may destroy the file.
)

// DefaultFreeSpaceReserve is the free space below which appends are refused.
const DefaultFreeSpaceReserve = 64 << 20

// Options are the settings of [Open]. The zero value is ready to use.
type Options struct {
	// Logger hears of what nobody is there to be told. Defaults to silence.
	Logger *slog.Logger
	// FreeSpaceReserve is the free space, in bytes, below which appends fail
	// with [alma.ErrLowDisk] while deliveries are still recorded. A negative
	// number turns the check off. Defaults to DefaultFreeSpaceReserve.
	FreeSpaceReserve int64
	// FreeSpace returns the bytes free in a folder. It is called at most once
	// a second. Defaults to asking the operating system.
	FreeSpace func(folder string) (int64, error)
	// Synchronous defaults to SynchronousFull.
	Synchronous Synchronous
	// LockTimeout bounds the wait for a transaction that the host program
	// holds open on the same file. Defaults to 10 s.
	LockTimeout time.Duration
	// SecretKeys seal secrets, header values and private keys of webhooks and
	// sources: AES-256 keys of 32 bytes, the current one first, then former
	// ones that [Store.Rekey] has not replaced yet. Defaults to none: secrets
	// are stored in the clear, readable for whoever reads the file. Where that
	// may be somebody else (a backup, say), give a key. A file whose secrets
	// are sealed does not open without it; one with clear secrets has them
	// sealed when it opens. Keep the key apart from the file, and a copy of it:
	// without it the secrets are lost.
	SecretKeys [][]byte
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FreeSpaceReserve == 0 {
		o.FreeSpaceReserve = DefaultFreeSpaceReserve
	}
	if o.FreeSpace == nil {
		o.FreeSpace = freeSpace
	}
	if o.Synchronous == "" {
		o.Synchronous = SynchronousFull
	}
	if o.LockTimeout <= 0 {
		o.LockTimeout = 10 * time.Second
	}
	return o
}
