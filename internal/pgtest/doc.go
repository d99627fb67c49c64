// Package pgtest runs real PostgreSQL servers for tests.
//
// A test that needs a database asks for one:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Wrap(m)) }
//
//	func TestSomething(t *testing.T) {
//		url := pgtest.Database(t) // New and empty.
//		…
//	}
//
// The first call starts one server for the test binary, on a free port of the
// loopback address, with fast settings: it does not wait for the disk. Wrap
// stops it; on Linux the kernel does, should the binary die before.
//
// A test of failures starts a server of its own with [Start], and stops, kills
// and restarts that one.
//
// Where many tests want the same tables, they copy a [Template].
//
// Data lies in memory where there is plenty of it (Linux), unless TMPDIR names a
// folder.
//
// The programs of PostgreSQL are looked for beside pg_config, in
// /usr/lib/postgresql and in PATH. When there are none the test is skipped, and
// fails with CI=true. With ALMA_TEST_POSTGRES_URL in the environment
// [Database] uses that server instead, whose user must be allowed to create
// databases.
package pgtest
