package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
)

// A server that speaks https, and commands that trust its authority.
func TestServeHTTPS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := certificateFiles(t)
	p := serve(t, filepath.Join(dir, "alma.db"), "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(p.url, "https://127.0.0.1:") {
		t.Fatalf("it serves on %s", p.url)
	}
	code, out, errs := command(t, "", "health", "--server", p.url, "--server-ca", cert)
	if code != exitDone || strings.TrimSpace(out) != "ready" {
		t.Errorf("health with the authority: exit %d, %q\n%s", code, out, errs)
	}
	code, _, errs = command(t, "", "health", "--server", p.url)
	if code != exitFailed || !strings.Contains(errs, "--server-ca") {
		t.Errorf("health without it: exit %d\n%s", code, errs)
	}
	code, _, errs = command(t, "", "health", "--server", p.url, "--server-ca", key)
	if code != exitFailed || !strings.Contains(errs, "no certificate") {
		t.Errorf("health with a file that holds none: exit %d\n%s", code, errs)
	}
	code, _, errs = command(t, "", "serve", "--db", filepath.Join(dir, "other.db"), "--listen", "127.0.0.1:0", "--tls-cert", cert)
	if code != exitUsage || !strings.Contains(errs, "--tls-key") {
		t.Errorf("half of what https needs: exit %d\n%s", code, errs)
	}
}

func TestServingTheNetworkInTheClearIsWarnedOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		listen, cert string
		warned       bool
	}{
		{"127.0.0.1:2562", "", false},
		{"localhost:2562", "", false},
		{"[::1]:2562", "", false},
		{":2562", "", true},
		{"0.0.0.0:2562", "", true},
		{"[::]:2562", "", true},
		{"192.0.2.1:2562", "", true},
		{"alma.example.com:2562", "", true},
		{"0.0.0.0:2562", "cert.pem", false},
	} {
		var log bytes.Buffer
		warnOpen(slog.New(slog.NewTextHandler(&log, nil)), &serveCmd{Listen: hostPort(c.listen), TLSCert: c.cert})
		if warned := strings.Contains(log.String(), "--tls-cert"); warned != c.warned {
			t.Errorf("listening on %s with the certificate %q, warned: %v\n%s", c.listen, c.cert, warned, &log)
		}
	}
}
