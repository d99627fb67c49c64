package almatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"testing"
	"time"
)

// certificateAge is for how long the certificates of these listeners are valid,
// by the clock of the bubble.
const certificateAge = 10 * 365 * 24 * time.Hour

// NewTLSPipeListener is [NewPipeListener] for https, under the host names
// given. Its certificate is of an authority of its own; see
// [PipeListener.RootCAs].
func NewTLSPipeListener(t testing.TB, handler http.Handler, hosts ...string) *PipeListener {
	t.Helper()
	cert, err := selfSigned(hosts)
	if err != nil {
		t.Fatalf("almatest: make a certificate: %v", err)
	}
	l := newPipeListener(t, handler)
	l.tls = &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12,
		// A ticket would be written while the client writes its request, and
		// over a pipe each would wait for the other to read.
		SessionTicketsDisabled: true,
	}
	l.serve(t)
	return l
}

// RootCAs returns the authority of the certificate of a listener made with
// [NewTLSPipeListener]; it is empty for others.
func (l *PipeListener) RootCAs() *x509.CertPool {
	pool := x509.NewCertPool()
	if l.tls != nil {
		pool.AddCert(l.tls.Certificates[0].Leaf)
	}
	return pool
}

func selfSigned(hosts []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "almatest"}, DNSNames: hosts,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateAge),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}
