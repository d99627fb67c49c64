package secret_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/alma-events/alma/internal/secret"
)

const row = "alma_webhooks/wh_1"

func keyring(t *testing.T, keys ...[]byte) *secret.Keyring {
	t.Helper()
	r, err := secret.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	a, b := secret.NewKey(), secret.NewKey()
	for name, c := range map[string]struct{ sealing, opening *secret.Keyring }{
		"no key":                       {nil, nil},
		"a key comes to clear secrets": {nil, keyring(t, a)},
		"one key":                      {keyring(t, a), keyring(t, a)},
		"the key is a former one now":  {keyring(t, a), keyring(t, b, a)},
		"another node is ahead":        {keyring(t, b, a), keyring(t, a, b)},
	} {
		for _, text := range []string{"", "text", strings.Repeat("long ", 10_000), "\x01\x02"} {
			envelope := c.sealing.Seal([]byte(text), row)
			got, err := c.opening.Open(envelope, row)
			if err != nil || string(got) != text {
				t.Errorf("%s: %.20q came back as %.20q, %v", name, text, got, err)
			}
			if _, isSealed := c.sealing.Current(); isSealed && len(text) > 2 && bytes.Contains(envelope, []byte(text)) {
				t.Errorf("%s: the envelope shows the text", name)
			}
		}
	}
}

func TestSealIsNeverTheSame(t *testing.T) {
	t.Parallel()
	r := keyring(t, secret.NewKey())
	if bytes.Equal(r.Seal([]byte("text"), row), r.Seal([]byte("text"), row)) {
		t.Error("one text gave one envelope twice")
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	a, b := secret.NewKey(), secret.NewKey()
	r := keyring(t, a)
	good := r.Seal([]byte("hidden text"), row)
	for name, c := range map[string]struct {
		keys     *secret.Keyring
		envelope []byte
		row      string
		want     error
	}{
		"another row":    {r, good, "alma_webhooks/wh_2", secret.ErrBroken},
		"another table":  {r, good, "alma_sources/wh_1", secret.ErrBroken},
		"another key":    {keyring(t, b), good, row, secret.ErrNoKey},
		"no key":         {nil, good, row, secret.ErrNoKey},
		"empty":          {r, nil, row, secret.ErrBroken},
		"a new version":  {r, append([]byte{3}, good[1:]...), row, secret.ErrBroken},
		"head alone":     {r, good[:9], row, secret.ErrBroken},
		"half a head":    {r, good[:5], row, secret.ErrBroken},
		"cut":            {r, good[:len(good)-1], row, secret.ErrBroken},
		"longer":         {r, append(bytes.Clone(good), 0), row, secret.ErrBroken},
		"nothing sealed": {r, good[:21], row, secret.ErrBroken},
	} {
		got, err := c.keys.Open(c.envelope, c.row)
		if !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: got %q, %v; want %v", name, got, err, c.want)
		}
	}
	for i := range good {
		changed := bytes.Clone(good)
		changed[i] ^= 1
		if got, err := r.Open(changed, row); err == nil {
			t.Errorf("byte %d changed: opened as %q", i, got)
		}
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	a, b := secret.NewKey(), secret.NewKey()
	text := []byte("text")
	both := keyring(t, b, a)
	for name, c := range map[string]struct {
		keys     *secret.Keyring
		envelope []byte
		want     bool
	}{
		"clear, no key":         {nil, (*secret.Keyring)(nil).Seal(text, row), false},
		"clear, a key":          {both, (*secret.Keyring)(nil).Seal(text, row), true},
		"under the current key": {both, both.Seal(text, row), false},
		"under a former key":    {both, keyring(t, a).Seal(text, row), true},
	} {
		if got := c.keys.Stale(c.envelope); got != c.want {
			t.Errorf("%s: stale %v, want %v", name, got, c.want)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	key := secret.NewKey()
	if got, err := secret.ParseKey(" " + secret.FormatKey(key) + "\n"); err != nil || !bytes.Equal(got, key) {
		t.Errorf("a key came back as another one, %v", err)
	}
	for text, want := range map[string]string{
		"":          "is empty",
		" \n":       "is empty",
		"no base64": "is not Base64",
		base64.StdEncoding.EncodeToString(key[:16]):            "has 16 bytes; want 32",
		base64.RawStdEncoding.EncodeToString(key):              "is not Base64",
		base64.StdEncoding.EncodeToString(append(key, key...)): "has 64 bytes; want 32",
	} {
		_, err := secret.ParseKey(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "openssl rand -base64 32") {
			t.Errorf("%q: got %v; want %q and how to make a key", text, err, want)
		} else if len(text) > 10 && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
	if _, err := secret.New(key, key[:3]); err == nil || !strings.Contains(err.Error(), "key 2 of 2") {
		t.Errorf("a short key: %v", err)
	}
}

func TestKeyOf(t *testing.T) {
	t.Parallel()
	r := keyring(t, secret.NewKey())
	id, _ := r.Current()
	got, ok := secret.KeyOf(r.Seal(nil, row))
	if !ok || got != id || !r.Has(id) || r.Has(secret.ID{}) {
		t.Errorf("the envelope names key %s, %v; want %s", got, ok, id)
	}
	if _, ok := secret.KeyOf((*secret.Keyring)(nil).Seal([]byte("long enough text"), row)); ok {
		t.Error("an envelope in the clear names a key")
	}
}
