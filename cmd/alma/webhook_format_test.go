package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma/almatest"
)

var aWebhookID = regexp.MustCompile(`wh_\w+`)

// A listener that does not agree yet is told of, with what to do then.
func TestWebhookWaitsForItsListener(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	listener := almatest.NewListener(t)
	listener.Refuse(true)
	added := c.do("webhook", "add", listener.URL(), "--challenge")
	id := aWebhookID.FindString(added)
	wants(t, "the answer", added, "pending_activation (the listener answered the challenge with 403; want 200)", "alma webhook activate "+id)
	wants(t, "another try", c.do("webhook", "activate", id), "pending_activation (the listener answered the challenge with 403")
	listener.Refuse(false)
	wants(t, "the activation", c.do("webhook", "activate", id), id+" is active")
	wants(t, "the webhook", c.do("webhook", "show", id), `"consent": {`, `"challenge": true`)
}

func TestRotateSecretWithAnOverlap(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	listener := almatest.NewListener(t)
	id := aWebhookID.FindString(c.do("webhook", "add", listener.URL(), "--secret", "a-secret-of-mine"))
	wants(t, "the rotation", c.do("webhook", "rotate-secret", id, "--secret", "another-of-mine", "--overlap", "2h"), "secret: another-of-mine", "The former secret is used until "+time.Now().Add(2*time.Hour).Format("2006-01-02"))
	wants(t, "a second one", c.fails(exitFailed, "webhook", "rotate-secret", id, "--overlap", "2h"), "an earlier rotation lasts until", "overlap 0")
	wants(t, "too long a one", c.fails(exitFailed, "webhook", "rotate-secret", id, "--overlap", "1000h"), "overlap", "out of range")
	shown := c.do("webhook", "show", id)
	wants(t, "the webhook", shown, `"former_secret_until": "20`)
	if strings.Contains(shown, "a-secret-of-mine") || strings.Contains(shown, "another-of-mine") {
		t.Errorf("a secret is shown:\n%s", shown)
	}
}

// A client certificate is read from files; its key is never shown.
func TestClientCertificateOfAWebhook(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	cert, key := certificateFiles(t)
	id := aWebhookID.FindString(c.do("webhook", "add", "https://127.0.0.1:1/hook", "--client-cert", cert, "--client-key", key))
	shown := c.do("webhook", "show", id)
	wants(t, "the webhook", shown, "BEGIN CERTIFICATE")
	if strings.Contains(shown, "PRIVATE") || strings.Contains(shown, "client_key") {
		t.Errorf("the key is shown:\n%s", shown)
	}
	c.do("webhook", "edit", id, "--description", "still with its key")
	_, other := certificateFiles(t)
	wants(t, "another's key", c.fails(exitFailed, "webhook", "edit", id, "--client-cert", cert, "--client-key", other), "client_key", "does not belong to client_certificate")
	wants(t, "no key", c.fails(exitUsage, "webhook", "edit", id, "--client-cert", cert), "--client-key")
	wants(t, "no file", c.fails(exitFailed, "webhook", "edit", id, "--client-cert", "missing.pem", "--client-key", key), "client_certificate", "missing.pem")
}

// certificateFiles makes a certificate for 127.0.0.1, signed by itself, and its key.
func certificateFiles(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
