package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

type vector struct {
	Name, Head string
	Fill       int
	Tail       string
	Signature  string
}

func (v vector) body() []byte { return []byte(v.Head + strings.Repeat("x", v.Fill) + v.Tail) }

func vectors(t *testing.T) (secret string, list []vector) {
	t.Helper()
	raw, err := os.ReadFile("testdata/alma_signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Secret  string
		Vectors []vector
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	return file.Secret, file.Vectors
}

func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	secret, list := vectors(t)
	for _, v := range list {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			if got := wire.SignAlma(secret, v.body()); got != v.Signature {
				t.Errorf("signed %s; want %s", got, v.Signature)
			}
			if err := wire.VerifyAlma(secret, v.body(), v.Signature); err != nil {
				t.Errorf("its own signature is refused: %v", err)
			}
		})
	}
	if len(list) < 4 || len(list[3].body()) != 1<<20 {
		t.Error("the vectors do not include a body of 1 MiB")
	}
}

// TestSignatureAgainstOpenSSL asks an independent implementation.
func TestSignatureAgainstOpenSSL(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("openssl is not installed; scripts/test.sh installs it")
	}
	if err != nil {
		t.Skip("openssl is not installed")
	}
	secret, list := vectors(t)
	for _, v := range list {
		cmd := exec.CommandContext(t.Context(), openssl, "dgst", "-sha256", "-hmac", secret, "-r")
		cmd.Stdin = bytes.NewReader(v.body())
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		digest, _, _ := strings.Cut(string(out), " ")
		if got := wire.SignAlma(secret, v.body()); got != "sha256="+digest {
			t.Errorf("%s: signed %s; openssl says %s", v.Name, got, digest)
		}
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	const secret = "your-secret-key"
	body := []byte(`{"a":1}`)
	good := wire.SignAlma(secret, body)
	for _, c := range []struct {
		name       string
		signatures []string
		secrets    []string
		want       error
	}{
		{"right", []string{good}, []string{secret}, nil},
		{"rotation, new first", []string{good}, []string{"new", secret}, nil},
		{"rotation, old first", []string{good}, []string{secret, "new"}, nil},
		{"absent", nil, []string{secret}, wire.ErrSignatureMissing},
		{"empty", []string{""}, []string{secret}, wire.ErrSignatureMissing},
		{"other secret", []string{good}, []string{"other"}, wire.ErrSignatureMismatch},
		{"no secret", []string{good}, nil, wire.ErrNoSecret},
		{"empty secret", []string{wire.SignAlma("", body)}, []string{""}, wire.ErrNoSecret},
		{"empty secret among others", []string{wire.SignAlma("", body)}, []string{"", secret}, wire.ErrSignatureMismatch},
		{"one digit changed", []string{flip(good)}, []string{secret}, wire.ErrSignatureMismatch},
		{"cut by one", []string{good[:len(good)-1]}, []string{secret}, wire.ErrSignatureMalformed},
		{"one too long", []string{good + "0"}, []string{secret}, wire.ErrSignatureMalformed},
		{"no prefix", []string{strings.TrimPrefix(good, "sha256=")}, []string{secret}, wire.ErrSignatureMalformed},
		{"prefix alone", []string{"sha256="}, []string{secret}, wire.ErrSignatureMalformed},
		{"other prefix", []string{"sha512=" + good[7:]}, []string{secret}, wire.ErrSignatureMalformed},
		{"upper-case prefix", []string{"SHA256=" + good[7:]}, []string{secret}, wire.ErrSignatureMalformed},
		{"upper-case digits", []string{"sha256=" + strings.ToUpper(good[7:])}, []string{secret}, wire.ErrSignatureMalformed},
		{"not hexadecimal", []string{"sha256=" + strings.Repeat("g", 64)}, []string{secret}, wire.ErrSignatureMalformed},
		{"space around", []string{" " + good}, []string{secret}, wire.ErrSignatureMalformed},
		{"joined by a comma", []string{good + "," + good}, []string{secret}, wire.ErrSignatureMalformed},
		{"given twice", []string{good, good}, []string{secret}, wire.ErrSignatureMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			for _, s := range c.signatures {
				header.Add(wire.HeaderSignature, s)
			}
			err := format(t).Verify(header, body, c.secrets, time.Time{})
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v; want %v", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), good[7:])) {
				t.Errorf("the error gives something away: %v", err)
			}
		})
	}
}

// flip changes the last digit.
func flip(s string) string {
	last := byte('0')
	if s[len(s)-1] == '0' {
		last = '1'
	}
	return s[:len(s)-1] + string(last)
}

func format(t testing.TB) wire.Format {
	t.Helper()
	f, ok := wire.Lookup(alma.FormatAlma)
	if !ok {
		t.Fatal("the format alma is not registered")
	}
	return f
}

// TestSignatureHolds: what was signed verifies, and nothing else does.
func TestSignatureHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, signatureHolds(wire.SignAlma, wire.VerifyAlma))
}

func signatureHolds(sign func(string, []byte) string, verify func(string, []byte, string) error) func(*rapid.T) {
	return func(t *rapid.T) {
		secret := rapid.StringN(1, 64, -1).Draw(t, "secret")
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		signature := sign(secret, body)
		if err := verify(secret, body, signature); err != nil {
			t.Fatal(err)
		}
		if verify(secret+"x", body, signature) == nil {
			t.Fatal("another secret is taken")
		}
		if verify(secret, append([]byte("x"), body...), signature) == nil {
			t.Fatal("a longer body is taken")
		}
		if len(body) > 0 {
			i := rapid.IntRange(0, len(body)-1).Draw(t, "i")
			changed := bytes.Clone(body)
			changed[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			if verify(secret, changed, signature) == nil {
				t.Fatal("a changed body is taken")
			}
		}
	}
}

// TestSigningConcurrently: keyed hashes are reused; no two may share one. More
// secrets than the cache holds are used on the way.
func TestSigningConcurrently(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 1000 {
				secret := strconv.Itoa(g) + "-" + strconv.Itoa(i)
				body := []byte(secret)
				if err := wire.VerifyAlma(secret, body, wire.SignAlma(secret, body)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func FuzzVerify(f *testing.F) {
	f.Add("secret", []byte("{}"), "sha256=00")
	f.Add("your-secret-key", []byte(`{"a":1}`), wire.SignAlma("your-secret-key", []byte(`{"a":1}`)))
	f.Fuzz(func(t *testing.T, secret string, body []byte, signature string) {
		err := wire.VerifyAlma(secret, body, signature)
		if right := secret != "" && signature == wire.SignAlma(secret, body); (err == nil) != right {
			t.Errorf("secret %q, body %q, signature %q: %v", secret, body, signature, err)
		}
	})
}

func BenchmarkSignAlma(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 300)
	b.ReportAllocs()
	for b.Loop() {
		wire.SignAlma("your-secret-key", body)
	}
}
