package inbound

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// quietTime is how often a source's refusals are worth a line.
	quietTime = 10 * time.Second
	// maxQuiet bounds the memory for it.
	maxQuiet = 10_000
)

// refusals writes them to the log: the first of each source, then one line
// in quietTime with how many came meanwhile.
type refusals struct {
	log *slog.Logger
	now func() time.Time

	mu    sync.Mutex
	quiet map[string]*silence
}

// silence is a time in which a source's refusals are counted only.
type silence struct {
	until  time.Time
	unsaid int
}

func newRefusals(log *slog.Logger, now func() time.Time) *refusals {
	return &refusals{log: log, now: now, quiet: map[string]*silence{}}
}

// note logs a refusal, unless one of the source's was logged just now. Names
// that nobody has count as one source: a stranger may think of any number.
func (l *refusals) note(r *http.Request, f *refusal) {
	name := r.PathValue("source")
	if f.status == http.StatusNotFound {
		name = ""
	}
	unsaid, ok := l.speak(name)
	if !ok {
		return
	}
	level := slog.LevelWarn
	if f.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := []any{"source", name, "status", f.status, "remote", r.RemoteAddr, "reason", f.detail, "refused_since", unsaid}
	if f.cause != nil {
		attrs = append(attrs, "error", f.cause)
	}
	l.log.Log(r.Context(), level, "inbound request refused", attrs...)
}

// speak reports whether a line is due, and how many refusals there were without
// one.
func (l *refusals) speak(name string) (unsaid int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	s := l.quiet[name]
	if s != nil && now.Before(s.until) {
		s.unsaid++
		return 0, false
	}
	if s == nil {
		if len(l.quiet) >= maxQuiet {
			clear(l.quiet)
		}
		s = &silence{}
		l.quiet[name] = s
	}
	unsaid = s.unsaid
	s.until, s.unsaid = now.Add(quietTime), 0
	return unsaid, true
}
