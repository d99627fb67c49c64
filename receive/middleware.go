package receive

import (
	"bytes"
	"io"
	"net/http"

	"github.com/alma-events/alma"
)

// NewMiddleware returns the verification alone, to be put before a handler of
// one's own: requests that are not verified POSTs within the size limit are
// answered, all others go on with their body as it came. It neither reads the
// events nor drops repeats. Of the configuration, Format, Secrets, Unsigned,
// MaxBody and Logger count; with anything else it returns a
// [*alma.ValidationError].
func NewMiddleware(cfg Config) (func(next http.Handler) http.Handler, error) {
	var f alma.Faults
	g := newGate(&f, cfg)
	if cfg.Handle != nil || cfg.HandleBatch != nil {
		f.Addf("handle", "given to a middleware, which never calls it; want receive.New")
	}
	if cfg.Seen != nil {
		f.Addf("seen", "given to a middleware, which drops no repeats; want receive.New")
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, ok := g.admit(w, r)
			if !ok {
				return
			}
			r2 := *r
			r2.Body, r2.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			next.ServeHTTP(w, &r2)
		})
	}, nil
}
