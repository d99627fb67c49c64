package api

import (
	"bytes"
	"net/http"
)

// held keeps an answer back until what has to be stored about it is stored: so
// that who has the answer also finds the entry of the audit log, and who repeats
// the call its answer.
type held struct {
	http.ResponseWriter
	status int // 0 until something was written.
	body   bytes.Buffer
}

func (h *held) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

func (h *held) Write(b []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(b) //nolint:wrapcheck // It never fails.
}

// Unwrap lets http.ResponseController reach the connection.
func (h *held) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// answerHeld lets a call be answered, and stores what has to be before the
// answer goes out.
func (s *Server) answerHeld(c *call) {
	out := &held{ResponseWriter: c.w}
	c.w = out
	finished := false
	defer func() {
		if !finished { // It panicked: nobody knows how far it came.
			s.audit(c, http.StatusInternalServerError)
		}
	}()
	s.answer(c)
	finished = true
	s.finish(c, out)
	s.audit(c, out.status)
	out.release()
}

// release sends the answer.
func (h *held) release() {
	h.ResponseWriter.WriteHeader(h.status)
	_, _ = h.ResponseWriter.Write(h.body.Bytes()) // A client that is gone needs no answer.
}
