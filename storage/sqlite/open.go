package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	_ "modernc.org/sqlite" // The driver "sqlite".

	"github.com/alma-events/alma"
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
	s, err := open(ctx, path, fileSource(path, o), o)
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
		path: path, log: o.Logger,
		queue: newQueue(), hub: newHub(), webhooks: newRegistry(),
		written: make(chan struct{}), closing: make(chan struct{}), polled: make(chan struct{}), closed: make(chan struct{}),
	}
	folder := ""
	if src.memory {
		s.gate = &gate{}
	} else {
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
	if err := s.writer.connect(ctx); err != nil {
		return nil, openError(path, err)
	}
	if src.memory {
		if s.anchor, err = s.host.Conn(ctx); err != nil {
			return nil, openError(path, err)
		}
	}
	if err := migrate(ctx, s.writer.conn, path); err != nil {
		return nil, err
	}
	return s, openError(path, s.load(ctx))
}

func (s *Store) openPools(src source) error {
	for _, p := range []struct {
		into **sql.DB
		dsn  string
		max  int
	}{{&s.pool, src.writerDSN(), 1}, {&s.readers, src.readerDSN(), maxReaders}, {&s.host, src.hostDSN(), maxReaders + 1}} {
		db, err := sql.Open(driverName, p.dsn)
		if err != nil {
			return fmt.Errorf("alma: open %s: %w", s.path, err)
		}
		db.SetMaxOpenConns(p.max)
		db.SetMaxIdleConns(p.max)
		*p.into = db
	}
	s.reads = newStatements(s.readers)
	s.writer = &writer{store: s, pool: s.pool, gate: s.gate, log: s.log}
	return nil
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
