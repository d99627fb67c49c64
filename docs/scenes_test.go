//go:build unix

package docs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	_ "modernc.org/sqlite" // Makes the file of the Python library.

	"github.com/alma-events/alma/internal/programtest"
	"github.com/alma-events/alma/wire"
)

// scene is a folder with the program on the path, and what a reader has when he
// comes to the commands.
type scene struct {
	dir              string
	env              []string
	server, listener string // Their addresses, when there are any.
	webhook          string // The id of one.
	said             *transcript
}

// scenes are what a reader may have.
var scenes = map[string]func(t *testing.T) *scene{
	"fresh":   newScene,  // Nothing but the program.
	"clone":   cloned,    // The sources.
	"server":  served,    // A server that runs, and a webhook.
	"stopped": stopped,   // A server that has ended.
	"python":  asMigrant, // A server, and the file of the Python library.
}

func TestMain(m *testing.M) {
	code := m.Run()
	programtest.Remove()
	os.Exit(code)
}

func newScene(t *testing.T) *scene {
	t.Helper()
	program, err := programtest.Path()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &scene{dir: dir, said: newTranscript(), server: "http://127.0.0.1:1", listener: listening(t)}
	s.env = []string{
		"HOME=" + dir, "PATH=" + filepath.Dir(program) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"ALMA_LISTEN=127.0.0.1:0",
		"ANALYTICS_SECRET=a-secret-of-analytics", "LIBRARY_SECRET=a-secret-of-the-library", "SHOP_KEY=alma_a-key-of-the-shop",
	}
	return s
}

// cloned is a folder with the sources, to be built there.
func cloned(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	names, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		target, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		if base := filepath.Base(name); base != "alma" && base != "bin" && base != "alma-demo" && !strings.Contains(base, ".db") {
			if err := os.Symlink(target, filepath.Join(s.dir, base)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, v := range programtest.Environment() {
		if !strings.HasPrefix(v, "ALMA_") {
			s.env = append(s.env, v)
		}
	}
	return s
}

// served is a folder beside a server, with the files that documents name. All
// that the server sends goes to a listener of this test, wherever it is addressed
// to: an egress proxy leads there.
func served(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	s.serve(t)
	return s
}

func stopped(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	s.serve(t)()
	return s
}

func asMigrant(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	s.serve(t)
	pythonLibrary(t, s.dir)
	return s
}

func (s *scene) serve(t *testing.T) (stop func()) {
	t.Helper()
	outside := httptest.NewUnstartedServer(http.HandlerFunc(listen))
	outside.Config.ErrorLog = log.New(io.Discard, "", 0) // It is nobody but example.com.
	outside.StartTLS()
	t.Cleanup(outside.Close)
	proxy := httptest.NewServer(proxyTo(outside.Listener.Addr().String()))
	t.Cleanup(proxy.Close)
	s.file(t, "outside.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: outside.Certificate().Raw})))
	s.file(t, "captured.json", lastLine(fencedBlocks(read(t, "formats/exlibris.md")), "http"))
	s.file(t, "alma.yaml", firstOf(fencedBlocks(read(t, "operations.md")), "yaml"))
	s.clientCertificate(t)
	stop = s.start(t, "alma serve --db alma.db --allow-cidr 127.0.0.0/8 --ca-file outside.pem --egress-proxy "+proxy.URL+" --egress-proxy-dns --smtp-url smtp://"+posting(t))
	s.run(t, "alma webhook add http://127.0.0.1:8080/ --secret your-secret-key --description one")
	s.webhook = regexp.MustCompile(`wh_\w+`).FindString(s.said.String())
	return stop
}

// listening starts a listener for where documents have one of the reader's.
func listening(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(listen))
	t.Cleanup(server.Close)
	return server.URL
}

// post takes every mail, and keeps none.
type post struct{}

func (post) Reset()                               { /* Nothing is kept. */ }
func (post) Logout() error                        { return nil }
func (post) Mail(string, *smtp.MailOptions) error { return nil }
func (post) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (post) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err //nolint:wrapcheck // For the server.
}

// posting starts a mail server, and returns its address.
func posting(t *testing.T) string {
	t.Helper()
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return post{}, nil }))
	server.ErrorLog = log.New(io.Discard, "", 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close() // The next line waits for its end.
		<-served
	})
	return l.Addr().String()
}

// listen takes everything, and agrees to what it is asked.
func listen(w http.ResponseWriter, r *http.Request) {
	for _, f := range wire.Formats() {
		if asks, ok := f.(wire.Handshaker); ok && asks.Answer(w, r) {
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// proxyTo answers CONNECT to whatever address with a way to one.
func proxyTo(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		far, err := net.Dial("tcp", address)
		if err != nil || r.Method != http.MethodConnect {
			http.Error(w, "only CONNECT", http.StatusBadGateway)
			return
		}
		defer far.Close()
		w.WriteHeader(http.StatusOK)
		near, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer near.Close()
		go func() {
			io.Copy(far, buffered)
			far.Close()
		}()
		io.Copy(near, far)
	}
}

func (s *scene) file(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// clientCertificate makes alma.pem and alma.key.
func (s *scene) clientCertificate(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.file(t, "alma.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
	s.file(t, "alma.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

func firstOf(list []fenced, language string) string {
	for _, b := range list {
		if b.language == language {
			return b.body
		}
	}
	return ""
}

// lastLine is the body of the first request that a page shows.
func lastLine(list []fenced, language string) string {
	lines := strings.Split(strings.TrimSpace(firstOf(list, language)), "\n")
	return lines[len(lines)-1]
}

// pythonLibrary makes .alma/alma.db as the Python library would.
func pythonLibrary(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, ".alma"), 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, ".alma", "alma.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE heuristics (id TEXT PRIMARY KEY, agent TEXT, project_id TEXT, condition TEXT, strategy TEXT, confidence REAL, created_at TEXT, metadata TEXT);
		INSERT INTO heuristics VALUES ('h1', 'qa_tester', 'my-project', 'a form', 'Validate field by field', 0.8, '2026-01-01T08:00:00+00:00', '{}')`); err != nil {
		t.Fatal(err)
	}
}
