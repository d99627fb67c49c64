package server_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crypto/x509"

	"go.uber.org/goleak"

	"github.com/alma-events/alma/internal/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg server.Config) *server.Server {
	t.Helper()
	cfg.Addr, cfg.Logger = "127.0.0.1:0", slog.New(slog.DiscardHandler)
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask makes a request on a connection of its own.
func ask(t *testing.T, client *http.Client, url string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestRequestsFinishAtShutdown(t *testing.T) {
	t.Parallel()
	arrived, finish := make(chan struct{}), make(chan struct{})
	s := start(t, server.Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-finish
		io.WriteString(w, "done")
	}), Draining: func() { close(finish) }})
	url := "http://" + s.Addr().String()
	answer := make(chan string)
	go func() {
		text, err := ask(t, http.DefaultClient, url)
		answer <- text + errorText(err)
	}()
	<-arrived
	if err := s.Shutdown(t.Context()); err != nil { // Draining lets the request go.
		t.Errorf("shutdown: %v", err)
	}
	if got := <-answer; got != "done" {
		t.Errorf("the request in flight got %q", got)
	}
	if _, err := ask(t, http.DefaultClient, url); err == nil {
		t.Error("a request was taken after the shutdown")
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("a second shutdown: %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestShutdownBreaksOffWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	s := start(t, server.Config{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})})
	answer := make(chan error)
	go func() {
		_, err := ask(t, http.DefaultClient, "http://"+s.Addr().String())
		answer <- err
	}()
	<-arrived
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-answer; err == nil {
		t.Error("the request that never ends got an answer")
	}
}

func TestHTTPS(t *testing.T) {
	t.Parallel()
	model := httptest.NewTLSServer(http.NotFoundHandler()) // For its certificate.
	defer model.Close()
	cert := model.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile := write(t, "cert.pem", &pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	keyFile := write(t, "key.pem", &pem.Block{Type: "PRIVATE KEY", Bytes: key})
	s := start(t, server.Config{CertFile: certFile, KeyFile: keyFile, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS.Version < tls.VersionTLS12 {
			t.Errorf("spoken is TLS %x", r.TLS.Version)
		}
		io.WriteString(w, "safe")
	})})
	if got, err := ask(t, model.Client(), "https://"+s.Addr().String()); got != "safe" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for _, cfg := range []server.Config{{CertFile: certFile}, {KeyFile: keyFile}, {CertFile: "missing", KeyFile: "missing"}, {CertFile: keyFile, KeyFile: certFile}} {
		cfg.Addr, cfg.Handler = "127.0.0.1:0", http.NotFoundHandler()
		if _, err := server.New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

func write(t *testing.T, name string, block *pem.Block) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Config{Addr: "127.0.0.1:0", Handler: http.NotFoundHandler()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- s.Run(ctx, time.Second) }()
	stop()
	if err := <-ran; err != nil && !errors.Is(err, context.Canceled) { // It may not have begun to listen.
		t.Errorf("run: %v", err)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, addr := range []string{taken.Addr().String(), "nonsense", "127.0.0.1:99999"} {
		s, err := server.New(server.Config{Addr: addr, Handler: http.NotFoundHandler()})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "alma: http server: ") {
			t.Errorf("listening on %s: %v", addr, err)
		}
		if s.Addr() != nil {
			t.Errorf("%s: an address without listening", addr)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	}
	if _, err := server.New(server.Config{}); err == nil {
		t.Error("a server without address and handler is made")
	}
	s := start(t, server.Config{Handler: http.NotFoundHandler()})
	if err := s.Start(t.Context()); err == nil {
		t.Error("a second start is taken")
	}
}

// A server takes its address before it can serve: who connects then waits.
func TestListenBeforeStart(t *testing.T) {
	t.Parallel()
	listening := func() *server.Server {
		s, err := server.New(server.Config{Addr: "127.0.0.1:0", Handler: http.NotFoundHandler()})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Listen(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := listening()
	other, err := server.New(server.Config{Addr: s.Addr().String(), Handler: http.NotFoundHandler()})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Listen(t.Context()); err == nil {
		t.Error("a taken address is taken again")
	}
	answer := make(chan string)
	go func() {
		text, err := ask(t, http.DefaultClient, s.URL())
		answer <- text + errorText(err)
	}()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; !strings.Contains(got, "404") {
		t.Errorf("answered %q", got)
	}
	unstarted := listening()
	for _, s := range []*server.Server{s, unstarted, unstarted} {
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	}
	if err := unstarted.Start(t.Context()); err == nil {
		t.Error("a server starts after its shutdown")
	}
	if free, err := net.Listen("tcp", unstarted.Addr().String()); err != nil {
		t.Errorf("the address is not given back: %v", err)
	} else {
		free.Close()
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{Handler: http.NotFoundHandler()})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("X-Large", strings.Repeat("x", 200<<10))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return // Cut off while it was still sending: as good.
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("answered %d", resp.StatusCode)
	}
}
