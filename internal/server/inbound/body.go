package inbound

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// bodyTime bounds how long a body may take to arrive.
const bodyTime = 60 * time.Second

// read returns the raw body. A cap on compressed bytes would say nothing about
// what they unfold to, and the signature covers the bytes as sent.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if encoding := r.Header.Values("Content-Encoding"); len(encoding) > 1 || len(encoding) == 1 && encoding[0] != "identity" {
		return nil, refuse(http.StatusUnsupportedMediaType, "compressed bodies are not taken; send the body as it is, without Content-Encoding")
	}
	if r.ContentLength > h.cfg.MaxBody {
		w.Header().Set("Connection", "close") // Rather than read what is left.
		return nil, h.tooLarge()
	}
	// The server sets no deadline for whole requests. Recorders of tests know no
	// deadlines, which is no failure.
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(bodyTime))
	defer func() { _ = connection.SetReadDeadline(time.Time{}) }()

	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, h.tooLarge()
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "the body did not arrive whole")
	}
	return body, nil
}

func (h *Handler) tooLarge() *refusal {
	return refuse(http.StatusRequestEntityTooLarge, "the body is larger than the %d bytes that are taken here", h.cfg.MaxBody)
}
