package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// problem is an error that the server answered with.
type problem struct {
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail"`
	Errors []alma.Fault `json:"errors"`

	retryAfter string // Seconds, where the server says so.
}

func (p *problem) Error() string {
	text := p.Title
	if p.Detail != "" && p.Detail != p.Title {
		text = p.Detail
	}
	lines := []string{text}
	for _, f := range p.Errors {
		lines = append(lines, strings.TrimPrefix(f.Field+": ", ": ")+f.Message)
	}
	if p.Status == http.StatusUnauthorized {
		lines = append(lines, "Give one by --api-key or ALMA_API_KEY, or name by --db the server's database, beside which \"alma serve\" left <db>.key.")
	}
	if p.retryAfter != "" {
		lines = append(lines, "Try again in "+p.retryAfter+" s.")
	}
	return strings.Join(lines, "\n  ")
}

// final reports whether it is of no use to try again.
func (p *problem) final() bool { return p.Status/100 == 4 && p.Status != http.StatusTooManyRequests }

// call makes a request to the server and decodes its answer into out, unless
// that is nil.
func (c *connection) call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.Wait))
	defer cancel()
	resp, err := c.open(ctx, method, path, query, body, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	return nil
}

// open makes a request; the caller closes the body. An answer that is no
// success becomes an error.
func (c *connection) open(ctx context.Context, method, path string, query url.Values, body any, header http.Header) (*http.Response, error) {
	target := strings.TrimSuffix(c.Server, "/") + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	payload, err := encodeBody(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, target, payload)
	if err != nil || req.URL.Host == "" || req.URL.Scheme != "http" && req.URL.Scheme != "https" {
		return nil, usagef("the server's address %q is no URL; want one like http://127.0.0.1:2562, with --server (ALMA_SERVER)", c.Server)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if body != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", "alma/"+wire.Version)
	if key := c.key(); key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readProblem(resp)
}

// client returns what makes the requests.
func (c *connection) client() (*http.Client, error) {
	if c.CA == "" {
		return http.DefaultClient, nil
	}
	pool, err := readAuthorities("--server-ca", c.CA)
	if err != nil {
		return nil, err
	}
	transport, _ := http.DefaultTransport.(*http.Transport) // It is one.
	transport = transport.Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: transport}, nil
}

// readAuthorities returns the system's certificate authorities and those of a
// file, which a flag names.
func readAuthorities(flag, name string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(name) //nolint:gosec // The operator names the file.
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: %s holds no certificate in PEM form", flag, name)
	}
	return pool, nil
}

// patient gives a call more time than --wait, where the server needs it.
func (c *connection) patient(atLeast time.Duration) *connection {
	p := *c
	p.Wait = max(c.Wait, span(atLeast))
	return &p
}

func encodeBody(body any) (io.Reader, error) {
	switch b := body.(type) {
	case nil:
		return http.NoBody, nil
	case json.RawMessage:
		return bytes.NewReader(b), nil
	default:
		raw, err := encode(b)
		return bytes.NewReader(raw), err
	}
}

// encode writes a value as JSON, texts as they are: the escapes that
// encoding/json makes for HTML would change the data of events.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("cannot encode the request: %w", err)
	}
	return b.Bytes(), nil
}

func readProblem(resp *http.Response) error {
	p := &problem{Title: resp.Status, Status: resp.StatusCode}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && strings.Contains(resp.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(raw, p); err != nil {
			p.Detail = "the server answered " + resp.Status
		}
	}
	if after := resp.Header.Get("Retry-After"); after != "" && strings.Trim(after, "0123456789") == "" {
		p.retryAfter = after
	}
	return p
}

func (c *connection) unreachable(ctx context.Context, err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return fmt.Errorf("no answer from %s within %s; --wait gives it more time", c.Server, time.Duration(c.Wait))
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("no server answers at %s: start one with \"alma serve\", or name another with --server", c.Server)
	}
	var authority x509.UnknownAuthorityError
	if errors.As(err, &authority) {
		return fmt.Errorf("the certificate of %s is signed by an authority that is not known here; name its file with --server-ca (ALMA_SERVER_CA)", c.Server)
	}
	return fmt.Errorf("the call to %s failed: %w", c.Server, errors.Unwrap(err))
}

// key returns the API key: the one given, or the one beside the database.
func (c *connection) key() string {
	if c.APIKey != "" {
		return c.APIKey
	}
	if isPostgres(c.DB) { // Nothing stands beside it.
		return ""
	}
	raw, err := os.ReadFile(c.DB + ".key")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}
