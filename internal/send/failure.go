package send

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/netguard"
)

var (
	errTimeout  = errors.New("the timeout of the exchange")
	errTooLarge = fmt.Errorf("the answer has more than %d bytes", MaxAnswerBytes)
)

// failure turns an error of the transport into a reason and a text. The text
// is always of our own words: the library's messages quote what the listener
// wrote, and a listener may write back the headers that it got.
func (x *exchange) failure(ctx context.Context, err error) Result {
	if ctx.Err() != nil {
		return x.stopped(context.Cause(ctx))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return x.stopped(errTimeout) // That of the connection.
	}
	for _, classify := range []func(error) (Result, bool){limits, blocked, proxied, x.dns, x.tls, x.connection} {
		if res, ok := classify(err); ok {
			return res
		}
	}
	if !x.answered.Load() {
		return failedf(alma.ReasonConnect, "the connection to %s broke while %s, before a byte of the answer", x.host, x.now())
	}
	return failedf(alma.ReasonProtocol, "the answer is not understandable HTTP (%s)", x.now())
}

func (x *exchange) now() phase { return phase(x.phase.Load()) }

// stopped says which timeout fired, or who else ended the exchange.
func (x *exchange) stopped(cause error) Result {
	switch {
	case errors.Is(cause, errTimeout):
		return failedf(alma.ReasonTimeout, "no complete answer within %s: the time ran out while %s", x.timeout, x.now())
	case errors.Is(cause, context.DeadlineExceeded):
		return failedf(alma.ReasonTimeout, "no complete answer before the caller's deadline, which passed while %s: %w", x.now(), cause)
	default:
		return failedf(alma.ReasonConnect, "the exchange was stopped while %s: %w", x.now(), cause)
	}
}

func limits(err error) (Result, bool) {
	if errors.Is(err, errTooLarge) {
		return failed(alma.ReasonTooLarge, errTooLarge), true
	}
	if errors.Is(err, errHeaders) {
		return failed(alma.ReasonTooLarge, errHeaders), true
	}
	// The library has no type for these.
	text := err.Error()
	if strings.Contains(text, "server response headers exceeded") || strings.Contains(text, "response header list larger") {
		return failedf(alma.ReasonTooLarge, "the answer has more than %d bytes of headers", MaxHeaderBytes), true
	}
	return Result{}, false
}

func blocked(err error) (Result, bool) {
	var b *netguard.BlockedError
	if !errors.As(err, &b) {
		return Result{}, false
	}
	return failed(alma.ReasonBlockedAddress, b), true
}

func proxied(err error) (Result, bool) {
	var p *proxyError
	if !errors.As(err, &p) {
		return Result{}, false
	}
	return failed(alma.ReasonConnect, p), true
}

func (x *exchange) dns(err error) (Result, bool) {
	var d *net.DNSError
	switch {
	case !errors.As(err, &d):
		return Result{}, false
	case d.IsNotFound:
		return failedf(alma.ReasonDNS, "the host name %s does not resolve: no such host", x.host), true
	case d.IsTimeout:
		return failedf(alma.ReasonDNS, "the host name %s does not resolve: the name server did not answer", x.host), true
	default:
		return failedf(alma.ReasonDNS, "the host name %s does not resolve: the name server failed", x.host), true
	}
}

func (x *exchange) tls(err error) (Result, bool) {
	cause := x.certificate(err)
	var record tls.RecordHeaderError
	var op *net.OpError
	switch {
	case cause != "":
	case errors.As(err, &record):
		cause = "the listener does not speak TLS on this port"
	case errors.As(err, &op) && op.Op == "remote error":
		if cause = op.Err.Error(); strings.HasSuffix(cause, "certificate required") { // An alert: one of the protocol's own texts.
			cause = "the listener wants a client certificate, which the webhook has none of (client_certificate, client_key)"
		}
	case x.now() != phaseHandshake:
		return Result{}, false
	case isBroken(err):
		cause = "the connection broke in the handshake"
	default:
		cause = "the handshake failed (TLS 1.2 or newer is needed)"
	}
	return failedf(alma.ReasonTLS, "TLS with %s failed: %s", x.host, cause), true
}

// certificate names what is wrong with a certificate; "" when that is not it.
func (x *exchange) certificate(err error) string {
	var invalid x509.CertificateInvalidError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &host):
		return "the certificate is not for this host"
	case errors.As(err, &authority):
		return "the certificate is signed by an unknown authority; its root can be added with --ca-file"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired or is not valid yet"
	case errors.As(err, &invalid), errors.As(err, &verification):
		return "the certificate cannot be verified"
	default:
		return ""
	}
}

func (x *exchange) connection(err error) (Result, bool) {
	var errno syscall.Errno
	cause := "the connection was closed"
	switch {
	case errors.As(err, &errno):
		cause = errno.Error() // Words of the operating system.
	case errors.Is(err, io.ErrUnexpectedEOF) && x.now() == phaseBody:
		cause = "the answer broke off half-way"
	}
	switch {
	case x.now() < phaseSending:
		if errno == 0 {
			return failedf(alma.ReasonConnect, "no connection to %s", x.host), true
		}
		return failedf(alma.ReasonConnect, "no connection to %s: %s", x.host, cause), true
	case isBroken(err), isStreamReset(err):
		return failedf(alma.ReasonConnect, "the connection to %s broke while %s: %s", x.host, x.now(), cause), true
	default:
		return Result{}, false
	}
}

// isStreamReset reports whether an HTTP/2 listener broke off the exchange, or
// the connection with it. The bundled HTTP/2 exports no types for this.
func isStreamReset(err error) bool {
	text := err.Error()
	return strings.Contains(text, "stream error: ") || strings.Contains(text, "http2: server sent GOAWAY") ||
		strings.Contains(text, "http2: client connection lost") || strings.Contains(text, "server closed idle connection")
}
