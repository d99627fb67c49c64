// Package almatest helps programs that use Alma to test themselves: with a
// listener that records what it gets and misbehaves on demand.
//
//	l := almatest.NewListener(t, almatest.WithSecret("your-secret-key"))
//	l.FailTimes(2, 500)
//	// … register l.URL() as a webhook, allow l.AllowCIDR(), cause an event …
//	got := l.Wait(t.Context(), 3) // Two failures and the success.
//
// Nothing here sleeps: waiting ends as soon as what is waited for has come.
// To run hours of retries in no time, serve a [Recorder] over a
// [PipeListener] inside a testing/synctest bubble.
package almatest

import (
	"crypto/x509"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// Listener is a real HTTP server on the loopback network that records
// deliveries. It is closed at the end of the test.
type Listener struct {
	*Recorder
	srv *httptest.Server
}

// NewListener starts a listener. It answers 204 until told otherwise.
func NewListener(t testing.TB, opts ...ListenerOption) *Listener {
	t.Helper()
	r := NewRecorder(t, opts...)
	l := &Listener{Recorder: r, srv: httptest.NewUnstartedServer(r)}
	if r.tls {
		l.srv.EnableHTTP2 = true
		l.srv.StartTLS()
	} else {
		l.srv.Start()
	}
	t.Cleanup(l.Close)
	return l
}

// URL returns where to send deliveries.
func (l *Listener) URL() string { return l.srv.URL + "/hook" }

// AllowCIDR returns the networks that a sender has to allow to reach the
// listener.
func (l *Listener) AllowCIDR() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// RootCAs returns the authority of the certificate of a listener made with
// [WithTLS]; it is empty for others.
func (l *Listener) RootCAs() *x509.CertPool {
	pool := x509.NewCertPool()
	if cert := l.srv.Certificate(); cert != nil {
		pool.AddCert(cert)
	}
	return pool
}

// Close stops the listener before the end of the test: from then on
// connections are refused. Requests that hang are let go.
func (l *Listener) Close() {
	l.Release()
	l.srv.CloseClientConnections()
	l.srv.Close()
}
