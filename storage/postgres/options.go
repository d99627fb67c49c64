package postgres

import (
	"log/slog"
	"time"
)

// Options are the settings of [Open]. The zero value is ready to use.
type Options struct {
	// Logger hears of what nobody is there to be told. Defaults to silence.
	Logger *slog.Logger
	// MaxConns bounds the connections that calls share. Besides them the
	// process has up to five, for what must not wait for the others: one
	// listens, one renews the lease, one appends, two settle. Of the shared ones,
	// listings and searches use half at most. Defaults to what the URL
	// says by pool_max_conns, else to 10.
	MaxConns int
	// Timeout bounds each call to the database, so that a server that no longer
	// answers is noticed. Defaults to 30 s.
	Timeout time.Duration
	// AppendTimeout bounds the commit of appended events, so that a server that
	// no longer answers is soon told to callers, who can repeat the call.
	// Defaults to 10 s, or to Timeout where that is shorter.
	AppendTimeout time.Duration
	// LockTimeout bounds the wait for a transaction that somebody holds open: a
	// host's that appends an event of the same id, say. Defaults to 10 s.
	LockTimeout time.Duration
	// HorizonWarning is the age of the oldest open write transaction from which
	// on the log warns: no event appended since it began can be delivered
	// before it ends. Defaults to a minute.
	HorizonWarning time.Duration
	// SecretKeys seal secrets, header values and private keys of webhooks and
	// sources: AES-256 keys of 32 bytes, the current one first, then former
	// ones that [Store.Rekey] has not replaced yet. Defaults to none: secrets
	// are stored in the clear, readable for whoever reads the database. Where
	// that may be somebody else (a backup, say), give a key, to all nodes. A
	// database whose secrets are sealed does not open without it; one with
	// clear secrets has them sealed when it opens. Keep a copy of the key:
	// without it the secrets are lost.
	SecretKeys [][]byte
}

const defaultMaxConns = 10

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.AppendTimeout <= 0 {
		o.AppendTimeout = min(10*time.Second, o.Timeout)
	}
	if o.LockTimeout <= 0 {
		o.LockTimeout = 10 * time.Second
	}
	if o.HorizonWarning <= 0 {
		o.HorizonWarning = time.Minute
	}
	return o
}
