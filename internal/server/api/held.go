package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// held keeps an answer back until what has to be stored about it is stored: so
// that who has the answer also finds the entry of the audit log, and who repeats
// the call its answer.
type held struct {
	http.ResponseWriter
	status int // 0 until something was written.
	body   bytes.Buffer
	lines  bool // The client was told of the progress, and gets the answer as the last line.
}

// mediaLines is JSON, a value a line: progress, and at last the answer.
const mediaLines = "application/x-ndjson"

// lastLine is the answer of a call that told of its progress: what its status
// and body would have been without.
type lastLine struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

// wantsLines reports whether the client asks to be told of the progress.
func wantsLines(r *http.Request) bool {
	for accepted := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if media, _, _ := strings.Cut(accepted, ";"); strings.EqualFold(strings.TrimSpace(media), mediaLines) {
			return true
		}
	}
	return false
}

// tell sends a line about the progress, at once. A client that is gone needs none.
func (h *held) tell(v any) {
	if !h.lines {
		h.lines = true
		h.Header().Set("Content-Type", mediaLines)
		h.ResponseWriter.WriteHeader(http.StatusOK)
	}
	h.line(v)
	_ = http.NewResponseController(h.ResponseWriter).Flush()
}

func (h *held) line(v any) {
	enc := json.NewEncoder(h.ResponseWriter)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) //nolint:errchkjson // A client that is gone needs no answer; what is told always marshals.
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
	if h.lines {
		h.line(lastLine{h.status, bytes.TrimSpace(h.body.Bytes())})
		return
	}
	h.ResponseWriter.WriteHeader(h.status)
	_, _ = h.ResponseWriter.Write(h.body.Bytes()) // A client that is gone needs no answer.
}
