package webhook_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// clientPair makes a certificate for a client and its key, both PEM.
func clientPair(t *testing.T) (cert, key string, leaf *x509.Certificate) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"alma.example"},
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})), leaf
}

// TestClientCertificateOfAWebhook: it is shown to the listener, at the
// handshake of the format and at deliveries; and after a restart.
func TestClientCertificateOfAWebhook(t *testing.T) {
	t.Parallel()
	cert, key, leaf := clientPair(t)
	seen := make(chan string, 10)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Method + " " + r.TLS.PeerCertificates[0].DNSNames[0]
		io.WriteString(w, r.URL.Query().Get("challenge")) // Seen by the sender.
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	clients, roots := x509.NewCertPool(), x509.NewCertPool()
	clients.AddCert(leaf)
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots.AddCert(srv.Certificate())

	e := newEngine(t, webhook.Config{AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, RootCAs: roots})
	w := e.add(alma.WebhookConfig{URL: srv.URL, Challenge: true, ClientCertificate: cert, ClientKey: key})
	if w.State != alma.StateActive {
		t.Fatalf("added as %s (%s)", w.State, w.StateReason)
	}
	e.append("1")
	e.settled(alma.StatusSuccess)
	e.restart()
	if _, err := e.Test(t.Context(), w.ID); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"GET alma.example", "POST alma.example", "POST alma.example"} {
		if got := <-seen; got != want {
			t.Errorf("the listener saw %s; want %s", got, want)
		}
	}
	without := e.add(alma.WebhookConfig{URL: srv.URL, Challenge: true})
	if !strings.Contains(without.StateReason, "the listener wants a client certificate") {
		t.Errorf("without a certificate: %s (%s)", without.State, without.StateReason)
	}
}

// TestClientCertificateFaults are all told, and quote no key.
func TestClientCertificateFaults(t *testing.T) {
	t.Parallel()
	e := newEngine(t, webhook.Config{})
	cert, key, _ := clientPair(t)
	_, other, _ := clientPair(t)
	for name, c := range map[string]struct {
		url, cert, key string
		fields         []string
	}{
		"no key":        {"https://a.example", cert, "", []string{"client_key"}},
		"no PEM":        {"https://a.example", "a certificate", key[:40], []string{"client_certificate", "client_key"}},
		"plain http":    {"http://a.example", cert, key, []string{"client_certificate", "url"}},
		"another's key": {"https://a.example", cert, other, []string{"client_key"}},
		"swapped":       {"https://a.example", key, cert, []string{"client_certificate", "client_key"}},
	} {
		_, err := e.Add(t.Context(), alma.WebhookConfig{URL: c.url, ClientCertificate: c.cert, ClientKey: c.key})
		var invalid *alma.ValidationError
		if !errors.As(err, &invalid) || len(invalid.Faults) != len(c.fields) {
			t.Errorf("%s: %v; want faults of %v", name, err, c.fields)
			continue
		}
		for i, f := range invalid.Faults {
			if f.Field != c.fields[i] {
				t.Errorf("%s: fault %d is of %s; want %s", name, i, f.Field, c.fields[i])
			}
		}
		if c.key != "" && strings.Contains(err.Error(), c.key) {
			t.Errorf("%s: the fault quotes the key", name)
		}
	}
}

func TestEgressProxyIsChecked(t *testing.T) {
	t.Parallel()
	_, err := webhook.New(webhook.Config{Storage: newEngine(t, webhook.Config{}).store, EgressProxy: &url.URL{Scheme: "socks5", Host: "proxy.example"}})
	if err == nil || err.Error() != "alma: webhook manager: Config.EgressProxy: want http://host:port or https://host:port" {
		t.Errorf("got %v", err)
	}
}
