package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	_ "modernc.org/sqlite" // The driver "sqlite".

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/secret"
)

const driverName = "sqlite"

// maxReaders bounds the connections that read. Reads of different callers run
// beside one another and beside the writer.
const maxReaders = 4

// Open opens a database file and makes it when it is missing; its folder must
// exist. It brings the schema up to date. It fails with [alma.ErrConflict]
// when another process, or another Store of this one, has the file open.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	if path == "" {
		var f alma.Faults
		f.Addf("path", "missing: want the name of a database file, such as alma.db")
		return nil, f.Err()
	}
	o = o.withDefaults()
	path, err := resolvePath(path)
	if err != nil {
		return nil, err
	}
	lock, err := acquireLock(path)
	if err != nil {
		return nil, err
	}
	var s *Store
	if err = createPrivate(path); err == nil {
		s, err = open(ctx, path, fileSource(path, o), o)
	}
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	s.lock = lock
	s.start()
	return s, nil
}

// OpenMemory opens a database that lives in memory until Close, for tests and
// for programs that need no file. Everything else about it is the same, except
// that reads wait for commits. It works inside a testing/synctest bubble.
func OpenMemory(ctx context.Context) (*Store, error) {
	o := Options{FreeSpaceReserve: -1}.withDefaults()
	s, err := open(ctx, "", memorySource(o), o)
	if err != nil {
		return nil, err
	}
	s.start()
	return s, nil
}

// open builds a store up to the point where its goroutines start.
func open(ctx context.Context, path string, src source, o Options) (_ *Store, err error) {
	s := &Store{
		path: path, log: o.Logger, lockTimeout: o.LockTimeout,
		queue: newQueue(), hub: newHub(), webhooks: newRegistry(),
		written: make(chan struct{}), closing: make(chan struct{}), polled: make(chan struct{}), closed: make(chan struct{}),
	}
	if s.keyring, err = secret.New(o.SecretKeys...); err != nil {
		return nil, fmt.Errorf("alma: open %s: Options.SecretKeys: %w", path, err)
	}
	folder := ""
	if !src.memory {
		folder = filepath.Dir(path)
	}
	s.disk = newDiskGuard(folder, o)
	if err := s.openPools(src); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.shutDown())
		}
	}()
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	if err := s.useKeys(ctx); err != nil {
		return nil, openError(path, err)
	}
	return s, openError(path, s.load(ctx))
}

// openPools opens the pools of connections. They connect when first used.
func (s *Store) openPools(src source) (err error) {
	if s.pool, err = openPool(src.writerDSN(), 1); err != nil {
		return err
	}
	s.readers, s.host = s.pool, s.pool
	if src.memory {
		s.anchor, err = openPool(src.writerDSN(), 1)
	} else {
		s.readers, err = openPool(src.readerDSN(), maxReaders)
		if err == nil {
			s.host, err = openPool(src.hostDSN(), maxReaders)
		}
	}
	s.reads = newStatements(s.readers)
	s.writer = &writer{store: s, pool: s.pool, stmts: newStatements(s.pool), log: s.log}
	return err
}

func openPool(dsn string, connections int) (*sql.DB, error) {
	db, err := sql.Open(driverName, dsn)
	if err != nil {
		return nil, fmt.Errorf("alma: open: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// prepare connects and brings the schema up to date.
func (s *Store) prepare(ctx context.Context) (err error) {
	if s.anchor != nil {
		if err := s.anchor.PingContext(ctx); err != nil {
			return openError(s.path, err)
		}
	}
	conn, err := s.pool.Conn(ctx)
	if err != nil {
		return openError(s.path, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := migrate(ctx, conn, s.path); err != nil {
		return err
	}
	// An up-to-date file was only read so far. Better to hear now that it
	// cannot be written.
	_, err = conn.ExecContext(ctx, sqlTakeWriteLock)
	return openError(s.path, err)
}

// load reads what the store keeps in memory.
func (s *Store) load(ctx context.Context) error {
	tail, err := readTail(ctx, s.writer.stmts)
	if err != nil {
		return err
	}
	s.ring = newRing(tail.seq)
	s.hosts.announced.Store(tail.seq)
	refs, err := readRefs(ctx, s.writer.stmts)
	if err != nil {
		return err
	}
	s.webhooks.put(refs)
	return nil
}

func (s *Store) start() {
	s.hosts.kick = make(chan struct{}, 1)
	go func() {
		defer close(s.written)
		s.writer.loop()
	}()
	go func() {
		defer close(s.polled)
		s.pollHosts()
	}()
}
