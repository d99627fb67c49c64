package receive

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// gate lets requests through that come from the sender: it reads the raw body
// and verifies it before anything looks into it.
type gate struct {
	format   wire.Format
	secrets  []string
	unsigned bool
	maxBody  int64
	log      *slog.Logger
}

func newGate(f *alma.Faults, cfg Config) gate {
	format, known := wire.Lookup(cfg.Format)
	if !known {
		f.Addf("format", "%q is unknown", cfg.Format)
	}
	switch {
	case cfg.Unsigned && len(cfg.Secrets) > 0:
		f.Addf("secrets", "given, although deliveries are said to be unsigned; want one of the two")
	case !cfg.Unsigned && len(cfg.Secrets) == 0:
		f.Addf("secrets", "missing: want the webhook's secret; to take forgeable deliveries, set Unsigned")
	case slices.Contains(cfg.Secrets, ""):
		f.Addf("secrets", "one of them is empty; is the variable that should hold it set?")
	default:
		checkSecrets(f, cfg)
	}
	if cfg.MaxBody < 0 {
		f.Addf("max_body", "%d bytes cannot be; want more than 0, or 0 for the default", cfg.MaxBody)
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return gate{format: format, secrets: slices.Clone(cfg.Secrets), unsigned: cfg.Unsigned, maxBody: cfg.MaxBody, log: cfg.Logger}
}

// checkSecrets finds secrets that would never fit, rather than refuse every
// delivery.
func checkSecrets(f *alma.Faults, cfg Config) {
	for i, secret := range cfg.Secrets {
		if err := wire.CheckVerifier(cfg.Format, secret); err != nil {
			f.Addf(fmt.Sprintf("secrets[%d]", i), "%s", err)
		}
	}
}

// admit returns the verified raw body, or answers the request and returns false.
// Questions of senders that ask for consent, such as a challenge, are answered
// before anything else: they are not signed.
func (g *gate) admit(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if asks, ok := g.format.(wire.Handshaker); ok && asks.Answer(w, r) {
		g.log.InfoContext(r.Context(), "handshake answered", "remote", r.RemoteAddr, "method", r.Method)
		return nil, false
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		problem(w, http.StatusMethodNotAllowed, "deliveries are made with POST")
		return nil, false
	}
	if encoding := r.Header.Values("Content-Encoding"); len(encoding) > 1 || len(encoding) == 1 && encoding[0] != "identity" {
		// The signature covers the bytes as sent, and a cap on them says
		// nothing about what they unfold to.
		problem(w, http.StatusUnsupportedMediaType, "compressed bodies are not taken")
		return nil, false
	}
	body, ok := g.read(w, r)
	if !ok {
		return nil, false
	}
	if g.unsigned {
		return body, true
	}
	if err := g.format.Verify(r.Header, body, g.secrets, time.Now()); err != nil {
		g.log.WarnContext(r.Context(), "delivery refused: signature", "remote", r.RemoteAddr, "error", err)
		problem(w, http.StatusUnauthorized, detail(err))
		return nil, false
	}
	return body, true
}

func (g *gate) read(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	var tooLarge *http.MaxBytesError
	if r.ContentLength > g.maxBody {
		w.Header().Set("Connection", "close") // Rather than read what is left.
		problem(w, http.StatusRequestEntityTooLarge, "the body is larger than is taken here")
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, g.maxBody))
	switch {
	case errors.As(err, &tooLarge):
		problem(w, http.StatusRequestEntityTooLarge, "the body is larger than is taken here")
	case err != nil:
		problem(w, http.StatusBadRequest, "the body did not arrive whole")
	}
	return body, err == nil
}

// detail tells the sender no more than which kind of fault it is.
func detail(err error) string {
	switch {
	case errors.Is(err, wire.ErrSignatureMissing):
		return "the signature is missing"
	case errors.Is(err, wire.ErrSignatureMalformed):
		return "the signature is malformed"
	case errors.Is(err, wire.ErrTimestamp):
		return "the timestamp is too far from the present"
	default:
		return "the signature does not match the body"
	}
}
