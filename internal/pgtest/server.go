package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience bounds the wait for a server to start or to stop.
const patience = 60 * time.Second

// Server is a PostgreSQL server with data of its own, on a port of the loopback
// address that stays the same over restarts. Its methods are for one test at a
// time.
type Server struct {
	programs string
	folder   string // Holds "data" and "log".
	port     int
	settings []string
	mark     io.Closer // Held while the folder is in use; nil where nobody looks.

	running *process
	frozen  []*os.Process // Processes that were stopped by Freeze.
}

// process is one life of a server.
type process struct {
	handle *os.Process
	ended  chan struct{} // Closed when it is over.
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// Port returns the port on 127.0.0.1.
func (s *Server) Port() int { return s.port }

// PID returns the number of the first of the server's processes, the parent of
// the others; 0 when it is not running.
func (s *Server) PID() int {
	if s.running == nil {
		return 0
	}
	return s.running.handle.Pid
}

// URL returns the address of a database, as the superuser.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://alma@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// Restart starts the server again, after it was stopped or killed, and waits
// until it takes connections.
func (s *Server) Restart() error {
	if s.running != nil {
		return errors.New("the server is running")
	}
	log, err := os.OpenFile(filepath.Join(s.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(s.programs, "postgres"), s.arguments()...) //nolint:gosec // As above.
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.folder, log, log
	if err := prepare(cmd); err != nil {
		return err
	}
	started := make(chan error)
	ended := make(chan struct{})
	go func() {
		// The kernel's watch over the parent is one over this thread.
		runtime.LockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait() //nolint:errcheck // How it ended shows in its log.
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.running = &process{handle: cmd.Process, ended: ended}
	return s.await()
}

func (s *Server) arguments() []string {
	args := []string{
		"-D", s.data(), "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=300",
		"-c", "shared_buffers=64MB", "-c", "autovacuum=off", "-c", "log_min_messages=warning", "-c", "max_prepared_transactions=20",
		"-c", "max_wal_size=128MB", "-c", "min_wal_size=32MB", // It may lie in memory.
	}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	return args
}

// await waits until the server takes connections.
func (s *Server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-s.running.ended:
			s.running = nil
			return fmt.Errorf("the server ended while starting: %s", s.Log())
		case <-ctx.Done():
			return errors.Join(err, s.Kill())
		}
	}
}

// Log returns what the server wrote.
func (s *Server) Log() string {
	b, err := os.ReadFile(filepath.Join(s.folder, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Stop ends the server and all its connections; committed data is safe.
func (s *Server) Stop() error { return s.end(signalFast) }

// Kill ends the server as a crash would: the next start recovers.
func (s *Server) Kill() error { return s.end(signalImmediate) }

func (s *Server) end(how os.Signal) error {
	p := s.running
	if p == nil {
		return nil
	}
	if err := s.Thaw(); err != nil {
		return err
	}
	s.running = nil
	if err := p.handle.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		return errors.Join(errors.New("the server does not end; it is killed"), p.handle.Kill())
	}
}

// remove ends the server and erases its data.
func (s *Server) remove() error {
	err := s.Kill()
	if s.mark != nil {
		err = errors.Join(err, s.mark.Close())
	}
	return errors.Join(err, os.RemoveAll(s.folder))
}
