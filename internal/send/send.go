// Package send makes one HTTP exchange: a request to a listener and its
// complete answer, or the reason why there was none. It knows nothing of
// events, formats or retries.
//
// A listener is never trusted: its address is guarded, one deadline covers the
// whole exchange, redirects are not followed, and its answer is read to a cap.
package send

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/netguard"
)

// Limits of an answer.
const (
	MaxAnswerBytes = 1 << 20  // A longer body makes the exchange fail.
	MaxStoredBytes = 64 << 10 // What Result.Body holds at most.
	MaxHeaderBytes = 64 << 10 // Longer headers make the exchange fail.
)

// DefaultTimeout holds for requests that name none.
const DefaultTimeout = 30 * time.Second

// Config says how to reach listeners. Its zero value is strict and ready.
type Config struct {
	// Guard judges addresses. Defaults to one that allows public addresses alone.
	Guard *netguard.Guard
	// RootCAs are trusted to sign certificates. Defaults to the system's.
	RootCAs *x509.CertPool
	// Dial opens connections instead of the guarded dialler, and thereby
	// switches the guard off: it is meant for tests over pipes. It is called
	// concurrently. Defaults to nil.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy is the egress proxy for https listeners outside: http or https, with
	// credentials if it wants any; see CheckProxy. Addresses that the guard
	// allows are reached without it. Defaults to none; the environment is never
	// asked.
	Proxy *url.URL
	// ProxyResolves gives names to the proxy instead of addresses: then it, and
	// not the guard, judges what they resolve to.
	ProxyResolves bool
	// lookup resolves names for the proxy. Defaults to the system's resolver.
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// MaxIdleConns bounds the open connections that wait for the next request,
	// over all listeners. Defaults to 2048.
	MaxIdleConns int
	// MaxIdleConnsPerHost bounds them for one listener. Defaults to 256.
	MaxIdleConnsPerHost int
	// IdleConnTimeout closes a connection that was not used for so long.
	// Defaults to 90 s.
	IdleConnTimeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.MaxIdleConns == 0 {
		c.MaxIdleConns = 2048
	}
	if c.MaxIdleConnsPerHost == 0 {
		c.MaxIdleConnsPerHost = 256
	}
	if c.lookup == nil {
		c.lookup = lookupHost
	}
	if c.IdleConnTimeout == 0 {
		c.IdleConnTimeout = 90 * time.Second
	}
	return c
}

// Request is what to send.
type Request struct {
	// Method defaults to POST.
	Method string
	// URL is absolute, http or https.
	URL string
	// Header goes on the wire with its names in exactly this case (over
	// HTTP/2 in lower case, as that protocol wants). Host and the framing
	// headers are not taken from it. Without a User-Agent none is sent.
	Header []alma.HeaderField
	// Body must not be changed until some time after Send has returned: a
	// connection may still be reading it.
	Body []byte
	// Timeout bounds the exchange from resolving the name to the last byte of
	// the answer. Defaults to DefaultTimeout.
	Timeout time.Duration
	// Brief says that the headers of an answer that succeeded and has no body are
	// not wanted: where nothing else forbids it, Result has none then.
	Brief bool
	// Client is shown to https listeners that ask who it is; nil for nobody.
	Client *Client
}

// Result is how an exchange ended.
type Result struct {
	// StatusCode is 0 when there was no answer. It is set beside a Reason when
	// the answer began but did not arrive whole.
	StatusCode int
	Header     http.Header
	Body       []byte // The first MaxStoredBytes of the answer's body.
	// Reason is empty when a complete answer came, whatever its status.
	Reason alma.Reason
	// Err is nil exactly when Reason is empty. Its text is fit to be shown: it
	// holds neither the URL nor any header, nor anything that the listener
	// wrote. When the caller's context ended the exchange, Err wraps its cause.
	Err      error
	At       time.Time     // When it began.
	Duration time.Duration // To its end.
}

// Sender makes exchanges over connections that it keeps open between them. It
// may be used concurrently.
type Sender struct {
	tls     *side // For https: public addresses, and allowed ones.
	plain   *side // For http: allowed addresses only.
	clients clientSides
	cfg     Config
	targets targetCache
}

// New returns a sender. Close it when it is no longer used.
func New(cfg Config) *Sender {
	cfg = cfg.withDefaults()
	return &Sender{tls: newSide(cfg, true, nil), plain: newSide(cfg, false, nil), cfg: cfg}
}

// Close closes the idle connections. Exchanges that are under way go on.
func (s *Sender) Close() {
	s.tls.close()
	s.plain.close()
	s.clients.close()
}

func (s *Sender) side(t *target, r *Request) *side {
	switch {
	case !t.tls:
		return s.plain
	case r.Client != nil:
		return s.clients.get(r.Client, func() *side { return newSide(s.cfg, true, r.Client) })
	default:
		return s.tls
	}
}

// Send makes one exchange. It returns when the answer is complete, at the
// request's timeout, or when ctx ends, whichever comes first.
func (s *Sender) Send(ctx context.Context, r Request) Result {
	if r.Timeout <= 0 {
		r.Timeout = DefaultTimeout
	}
	at := time.Now()
	res := s.send(ctx, &r, at.Add(r.Timeout))
	res.At, res.Duration = at, time.Since(at)
	return res
}

func (s *Sender) send(ctx context.Context, r *Request, deadline time.Time) Result {
	t, err := s.targets.get(r.URL)
	if err != nil {
		return failed(alma.ReasonEncode, err)
	}
	if !t.library.Load() {
		if res, ok := s.overHTTP1(ctx, r, t, deadline); ok {
			return res
		}
		t.library.Store(true) // From now on, until the program ends.
	}
	return s.overLibrary(ctx, r, t, deadline)
}

// overLibrary makes an exchange with net/http.
func (s *Sender) overLibrary(ctx context.Context, r *Request, t *target, deadline time.Time) Result {
	ctx, cancel := context.WithDeadlineCause(ctx, deadline, errTimeout)
	defer cancel()
	header, side := buildHeader(r.Header), s.side(t, r)
	for tries := 1; ; tries++ {
		x := exchange{timeout: r.Timeout, host: t.host}
		res := x.run(side.library, x.request(ctx, r, t.url, header))
		if tries == maxTries || !x.stale || ctx.Err() != nil {
			return x.explained(ctx, side, t, res)
		}
	}
}

// maxTries bounds how often the library's exchange begins anew because a kept
// connection turned out closed. The Transport itself repeats without bound
// where it sees that no byte of the request was answered (see request); this is
// for the rest.
const maxTries = 4

func failed(reason alma.Reason, err error) Result {
	return Result{Reason: reason, Err: err}
}

// failedf is failed with a text.
func failedf(reason alma.Reason, format string, args ...any) Result {
	return failed(reason, fmt.Errorf(format, args...))
}
