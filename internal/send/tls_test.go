package send_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/send"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	good := certificate(t, time.Now().Add(time.Hour), "127.0.0.1")
	for _, c := range []struct {
		name   string
		cert   tls.Certificate
		max    uint16
		roots  *x509.CertPool
		reason alma.Reason
		text   string
	}{
		{name: "trusted", cert: good, roots: pool(good)},
		{
			name: "unknown authority", cert: good, roots: x509.NewCertPool(),
			reason: alma.ReasonTLS, text: "TLS with 127.0.0.1 failed: the certificate is signed by an unknown authority; its root can be added with --ca-file",
		}, {
			name: "expired", cert: certificate(t, time.Now().Add(-time.Hour), "127.0.0.1"),
			reason: alma.ReasonTLS, text: "TLS with 127.0.0.1 failed: the certificate has expired or is not valid yet",
		}, {
			name: "wrong host", cert: certificate(t, time.Now().Add(time.Hour), "10.0.0.1"),
			reason: alma.ReasonTLS, text: "TLS with 127.0.0.1 failed: the certificate is not for this host",
		}, {
			name: "TLS 1.1", cert: good, max: tls.VersionTLS11, roots: pool(good),
			reason: alma.ReasonTLS, text: "TLS with 127.0.0.1 failed: tls: protocol version not supported",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{c.cert}, MaxVersion: c.max, MinVersion: tls.VersionTLS10})
			if c.roots == nil {
				c.roots = pool(c.cert)
			}
			s := send.New(send.Config{Guard: allow("127.0.0.0/8"), RootCAs: c.roots})
			t.Cleanup(s.Close)
			res := s.Send(t.Context(), request(srv.URL))
			if c.reason == "" {
				wantStatus(t, res, http.StatusOK)
				return
			}
			wantFailure(t, res, c.reason, c.text)
		})
	}
}

// TestHTTP2 shows that it is spoken where the listener speaks it, and that a
// handler that gives up in the middle is a broken connection.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/abort" {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, r.Proto) // Seen by the sender.
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	s := send.New(send.Config{Guard: allow("127.0.0.0/8"), RootCAs: roots})
	t.Cleanup(s.Close)

	res := s.Send(t.Context(), send.Request{URL: srv.URL, Body: []byte("{}")})
	wantStatus(t, res, http.StatusOK)
	if string(res.Body) != "HTTP/2.0" {
		t.Errorf("spoke %s; want HTTP/2.0", res.Body)
	}
	res = s.Send(t.Context(), send.Request{URL: srv.URL + "/abort", Body: []byte("{}")})
	// The listener may give up before all of the request is written.
	text := "the connection to 127.0.0.1 broke while waiting for the response headers: the connection was closed"
	if res.Err != nil {
		text = strings.Replace(text, "waiting for the response headers", phaseOf(res.Err), 1)
	}
	wantFailure(t, res, alma.ReasonConnect, text)
}

// phaseOf returns what an exchange was doing when it failed, of the two things
// that may be.
func phaseOf(err error) string {
	if strings.Contains(err.Error(), "while sending the request") {
		return "sending the request"
	}
	return "waiting for the response headers"
}

func TestPlainListenerOnHTTPS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	t.Cleanup(srv.Close)
	res := loopback(t).Send(t.Context(), request("https://"+srv.Listener.Addr().String()))
	wantFailure(t, res, alma.ReasonTLS, "TLS with 127.0.0.1 failed: the listener does not speak TLS on this port")
}

func TestConnectionClosesInHandshake(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // Ends the goroutine.
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.ReadFull(c, make([]byte, 10)) // The beginning of the hello.
			c.Close()                        // That is the point.
		}
	}()
	res := loopback(t).Send(t.Context(), request("https://"+l.Addr().String()))
	wantFailure(t, res, alma.ReasonTLS, "TLS with 127.0.0.1 failed: the connection broke in the handshake")
}

func tlsServer(t *testing.T, cfg *tls.Config) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = cfg
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

// certificate makes a self-signed one for the address and names.
func certificate(t *testing.T, notAfter time.Time, ip string, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: planted},
		NotBefore: notAfter.Add(-24 * time.Hour), NotAfter: notAfter,
		IPAddresses: []net.IP{net.ParseIP(ip)}, DNSNames: names, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func pool(cert tls.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(cert.Leaf)
	return p
}
