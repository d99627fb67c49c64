package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/secret"
)

// oldest is the oldest server version that works, as server_version_num.
const oldest = 140000

// Open connects to a PostgreSQL database by its URL
// ("postgres://user:password@host:5432/database"; the settings of libpq follow
// after "?") and brings the schema up to date. Many processes may have the same
// database open.
//
// Its error says in plain words why a database cannot be used, and never holds
// the password. Whoever holds a table that is to be changed is waited for: up to
// a minute, or Options.Timeout where that is longer. The log says meanwhile who
// that is and what to do, and then the error does.
func Open(ctx context.Context, databaseURL string, o Options) (*Store, error) {
	config, err := parseURL(databaseURL)
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	setUp(config, o)
	s := newStore(config, o)
	if s.keyring, err = secret.New(o.SecretKeys...); err != nil {
		return nil, fmt.Errorf("alma: open %s: Options.SecretKeys: %w", s.name, err)
	}
	if err := s.prepare(ctx, config.ConnConfig); err != nil {
		return nil, openError(s.name, config.ConnConfig, err)
	}
	config.AfterConnect = s.checkEra
	if err := s.openPools(ctx, config); err != nil {
		return nil, openError(s.name, config.ConnConfig, err)
	}
	s.start()
	return s, nil
}

// openPools makes the pool that calls share, and the small ones.
func (s *Store) openPools(ctx context.Context, config *pgxpool.Config) error {
	alone := config.Copy()
	alone.MaxConns, alone.MinConns, alone.MinIdleConns = 1, 0, 0
	settles := alone.Copy()
	settles.MaxConns = 2 // Who retries by hand may have to wait for somebody.
	var made []*pgxpool.Pool
	for _, p := range []struct {
		pool   **pgxpool.Pool
		config *pgxpool.Config
	}{{&s.pool, config}, {&s.leases, alone}, {&s.appends, alone.Copy()}, {&s.settles, settles}} {
		pool, err := pgxpool.NewWithConfig(ctx, p.config)
		if err != nil {
			for _, m := range made {
				m.Close()
			}
			return err
		}
		*p.pool, made = pool, append(made, pool)
	}
	s.listings = make(chan struct{}, max(1, config.MaxConns/2))
	return nil
}

// parseURL reads the URL. What the driver says about a bad one is not repeated:
// it may hold the password.
func parseURL(databaseURL string) (*pgxpool.Config, error) {
	var f alma.Faults
	u, err := url.Parse(databaseURL)
	switch {
	case err != nil:
		f.Addf("url", "cannot be read as a URL: want postgres://user:password@host:5432/database, with special characters in the password percent-encoded")
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		f.Addf("url", "names no PostgreSQL database: want postgres://user:password@host:5432/database")
	}
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("alma: open a PostgreSQL database: %w", err)
	}
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		f.Addf("url", "a setting of it cannot be understood: check the host, the port, and what follows after \"?\"")
		return nil, fmt.Errorf("alma: open %s: %w", nameOf(u), f.Err())
	}
	return config, nil
}

// nameOf names the database of a URL to people.
func nameOf(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// setUp brings the settings of connections to what the statements rely on.
func setUp(config *pgxpool.Config, o Options) {
	if o.MaxConns > 0 {
		config.MaxConns = int32(min(o.MaxConns, 10_000))
	} else if u, err := url.Parse(config.ConnString()); err != nil || !u.Query().Has("pool_max_conns") {
		config.MaxConns = defaultMaxConns
	}
	config.PingTimeout = 5 * time.Second
	c := config.ConnConfig
	if c.ConnectTimeout <= 0 || c.ConnectTimeout > 10*time.Second {
		c.ConnectTimeout = 10 * time.Second
	}
	c.DialFunc = (&net.Dialer{Timeout: c.ConnectTimeout, KeepAlive: 15 * time.Second}).DialContext
	for name, value := range map[string]string{
		// Each statement must see what committed before it began.
		"default_transaction_isolation": "read committed",
		"timezone":                      "UTC",
		"lock_timeout":                  strconv.FormatInt(o.LockTimeout.Milliseconds(), 10),
		"jit":                           "off", // The statements are short.
	} {
		c.RuntimeParams[name] = value
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "alma"
	}
}

func newStore(config *pgxpool.Config, o Options) *Store {
	c := config.ConnConfig
	s := &Store{
		opts: o, log: o.Logger, name: fmt.Sprintf("postgres://%s@%s/%s", c.User, net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), c.Database),
		queue: newQueue(), numbers: newNumbers(), events: newHub(), changes: newHub(), listens: c.Copy(),
		hosts: hostAppends{kick: make(chan struct{}, 1)}, done: make(chan struct{}),
	}
	s.appender = &appender{store: s, ended: make(chan struct{})}
	s.bell = newBell()
	s.closing, s.stop = context.WithCancel(context.Background())
	return s
}

// prepare looks at the server and brings the schema up to date, on a
// connection of its own.
func (s *Store) prepare(ctx context.Context, config *pgx.ConnConfig) (err error) {
	limit := max(s.opts.Timeout, time.Minute)
	looks, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := pgx.ConnectConfig(looks, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hangUp(conn)) }()
	w := watchWaits(ctx, config, conn, s.log)
	defer func() { err = w.end(err) }()
	var server serverInfo
	if err := server.read(looks, conn); err != nil {
		return err
	}
	if err := server.check(); err != nil {
		return err
	}
	if err := migrate(ctx, conn, w, limit); err != nil {
		return err
	}
	ctx, cancel = context.WithTimeout(ctx, limit)
	defer cancel()
	return s.makeReady(ctx, conn)
}

// makeReady learns what the database holds, and makes the days that are missing.
func (s *Store) makeReady(ctx context.Context, conn *pgx.Conn) error {
	if err := conn.QueryRow(ctx, sqlOurs).Scan(&s.ours.schema, &s.ours.oid); err != nil {
		return err
	}
	if err := s.useKeys(ctx, conn); err != nil {
		return err
	}
	s.listens.RuntimeParams["application_name"] = s.listenerName()
	s.appender.statements = newInsertStatements(s.ours.schema)
	if err := raiseEra(ctx, conn, sqlEraStateFull, 0); err != nil {
		return err
	}
	err := s.makePartitions(ctx, conn)
	if code(err) == codeLockTimeout {
		s.warnOfDays(err)
		err = nil
	}
	return err
}

// hangUp closes a connection. A server that does not answer is not waited for.
func hangUp(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return conn.Close(ctx)
}

// start runs the store's own goroutines.
func (s *Store) start() {
	go func() {
		defer close(s.appender.ended)
		s.appender.loop()
	}()
	for _, f := range []func(){s.follow, s.ring, s.keep} {
		s.own.Go(f)
	}
}
