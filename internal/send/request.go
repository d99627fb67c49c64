package send

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"

	"github.com/alma-events/alma"
)

const userAgent = "User-Agent"

// buildHeader makes the map without putting names into canonical form, so that
// they go on the wire as they were given.
func buildHeader(fields []alma.HeaderField) http.Header {
	h := make(http.Header, len(fields)+2)
	values := make([]string, len(fields)) // One allocation for all values.
	for i, f := range fields {
		if framing(f.Name) {
			continue
		}
		values[i] = f.Value
		if present := h[f.Name]; present != nil {
			h[f.Name] = append(present, f.Value)
			continue
		}
		h[f.Name] = values[i : i+1 : i+1]
	}
	if _, given := h[userAgent]; !given {
		h[userAgent] = nil // Otherwise the library would add its own.
	}
	// Says to the Transport that the request may be sent again when a kept
	// connection turns out closed; with no value it is not sent itself.
	// Deliveries are made at least once, so a repeat does no harm, whereas a
	// failed attempt for every listener that closes idle connections would.
	if _, given := h["Idempotency-Key"]; !given {
		h["Idempotency-Key"] = nil
	}
	return h
}

// request returns the HTTP request of one try.
func (x *exchange) request(ctx context.Context, r *Request, u *url.URL, header http.Header) *http.Request {
	req := http.Request{
		Method: r.Method, URL: u, Host: u.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if req.Method == "" {
		req.Method = http.MethodPost
	}
	req.Body = http.NoBody
	if body := r.Body; len(body) > 0 {
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return newBody(body), nil }
		req.Body = newBody(body)
	}
	return req.WithContext(httptrace.WithClientTrace(ctx, x.trace()))
}

// body is a request's body; unlike with io.NopCloser there is no second object.
type body struct{ bytes.Reader }

func newBody(b []byte) *body {
	r := new(body)
	r.Reset(b)
	return r
}

func (*body) Close() error { return nil }
