package send_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/send"
)

// identity returns a certificate for a client, and the pair as a sender takes it.
func identity(t *testing.T, name string) (tls.Certificate, *send.Client) {
	t.Helper()
	cert := certificate(t, time.Now().Add(time.Hour), "10.0.0.1", name)
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	client, err := send.NewClient(
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	)
	if err != nil {
		t.Fatal(err)
	}
	return cert, client
}

// TestClientCertificate: a listener sees the certificate of the webhook whose
// request it gets, over HTTP/1.1 and HTTP/2, though connections are kept.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		t.Run(map[bool]string{false: "HTTP/1.1", true: "HTTP/2"}[http2], func(t *testing.T) {
			t.Parallel()
			one, first := identity(t, "one.example")
			two, second := identity(t, "two.example")
			known := x509.NewCertPool()
			known.AddCert(one.Leaf)
			known.AddCert(two.Leaf)
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, r.Proto+" "+r.TLS.PeerCertificates[0].DNSNames[0]) // Seen by the sender.
			}))
			srv.Config.ErrorLog = log.New(io.Discard, "", 0)
			srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: known, MinVersion: tls.VersionTLS12}
			srv.EnableHTTP2 = http2
			srv.StartTLS()
			t.Cleanup(srv.Close)
			roots := x509.NewCertPool()
			roots.AddCert(srv.Certificate())
			s := send.New(send.Config{Guard: allow("127.0.0.0/8"), RootCAs: roots})
			t.Cleanup(s.Close)
			for range 3 {
				for name, client := range map[string]*send.Client{"one.example": first, "two.example": second} {
					r := request(srv.URL)
					r.Client = client
					res := s.Send(t.Context(), r)
					wantStatus(t, res, http.StatusOK)
					if want := map[bool]string{false: "HTTP/1.1 ", true: "HTTP/2.0 "}[http2] + name; string(res.Body) != want {
						t.Errorf("the listener saw %s; want %s", res.Body, want)
					}
				}
			}
			res := s.Send(t.Context(), request(srv.URL))
			wantFailure(t, res, alma.ReasonTLS, "TLS with 127.0.0.1 failed: the listener wants a client certificate, which the webhook has none of (client_certificate, client_key)")
		})
	}
}

func TestClientThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	_, err := send.NewClient("-----BEGIN CERTIFICATE-----", planted)
	if err == nil || strings.Contains(err.Error(), planted) {
		t.Errorf("got %v; want an error that does not quote the key", err)
	}
}
