package api

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// answer is a ResponseWriter that knows what was answered.
type answer struct {
	http.ResponseWriter
	status int // 0 until something was written.
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b) //nolint:wrapcheck // A plain pass-through.
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// headerRequestID is taken from the client, or given one, and sent back.
const headerRequestID = "X-Request-Id"

// around wraps what holds for every request: an id, the headers that keep
// answers out of caches and away from guessing browsers, the recovery from a
// panic, and a line in the log.
func (s *Server) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		id := requestID(r)
		h := w.Header()
		h.Set(headerRequestID, id)
		h["X-Content-Type-Options"], h["Cache-Control"] = noSniff, noStore
		a := &answer{ResponseWriter: w}
		defer func() {
			s.recovered(a, r, id, recover())
			if s.logger.Enabled(r.Context(), slog.LevelDebug) {
				s.logger.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path,
					"status", a.status, "duration", time.Since(began), "request_id", id)
			}
		}()
		next.ServeHTTP(a, r)
	})
}

// recovered answers 500 after a panic. What was thrown goes to the log alone.
func (s *Server) recovered(a *answer, r *http.Request, id string, thrown any) {
	switch thrown {
	case nil:
		return
	case http.ErrAbortHandler:
		panic(thrown)
	}
	s.logger.ErrorContext(r.Context(), "request panicked", "method", r.Method, "path", r.URL.Path,
		"request_id", id, "panic", fmt.Sprint(thrown), "stack", string(debug.Stack()))
	if a.status != 0 {
		panic(http.ErrAbortHandler) // Half an answer is out: only a broken connection tells the client.
	}
	writeProblem(a, internalProblem(id))
}

func internalProblem(id string) *problem {
	p := newProblem(http.StatusInternalServerError, "the server failed; its log says why under this request_id")
	p.RequestID = id
	return p
}

// requestID takes over the client's id when it is fit for a log.
func requestID(r *http.Request) string {
	const longest = 128
	id := r.Header.Get(headerRequestID)
	if id != "" && len(id) <= longest && strings.Trim(id, idCharacters) == "" {
		return id
	}
	var b [12]byte
	rand.Read(b[:]) // Never fails since Go 1.24.
	return "req_" + hex.EncodeToString(b[:])
}

// idCharacters are fit for a log.
const idCharacters = keyAlphabet + "._-"

// serve is what happens to the request of one operation: authorization, the
// query, the handler, and the answer for what went wrong.
func (s *Server) serve(op *operation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.metrics != nil && !op.endless {
			defer s.count(op.method, op.path, w, time.Now())
		}
		c := &call{w: w, r: r, op: op}
		if op.audited() || c.idempotencyKey() != "" {
			s.answerHeld(c)
			return
		}
		s.answer(c)
	})
}

// answer answers a call.
func (s *Server) answer(c *call) {
	err := s.admit(c)
	answered := false
	if err == nil {
		defer s.trace(c)()
		answered, err = s.begin(c)
	}
	if err == nil && !answered {
		c.begun = true
		err = c.op.handle(c)
	}
	if err != nil {
		s.refuse(c, err)
	}
}

// count tells the metrics of a request. around gives every handler an answer;
// one that is still open belongs to a handler that panics, and becomes a 500.
func (s *Server) count(method, route string, w http.ResponseWriter, began time.Time) {
	if a, ok := w.(*answer); ok {
		s.metrics.Request(method, route, cmp.Or(a.status, http.StatusInternalServerError), time.Since(began))
	}
}

// counted counts the requests of a handler that is no call of the API. Methods
// that it has no use for are counted as one: a stranger may think of any number.
func (s *Server) counted(route string, next http.Handler) http.Handler {
	if s.metrics == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := "other"
		if slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodOptions}, r.Method) {
			method = r.Method
		}
		defer s.count(method, route, w, time.Now())
		next.ServeHTTP(w, r)
	})
}

func (s *Server) admit(c *call) error {
	if c.op.roles != nil {
		if err := s.authorize(c); err != nil {
			return err
		}
	}
	return c.readQuery()
}

func (s *Server) refuse(c *call, err error) {
	p := problemOf(err)
	if p == nil {
		id := c.w.Header().Get(headerRequestID)
		s.logger.ErrorContext(c.r.Context(), "request failed", "method", c.op.method, "path", c.op.path, "request_id", id, "error", err)
		p = internalProblem(id)
	}
	writeProblem(c.w, p)
}
