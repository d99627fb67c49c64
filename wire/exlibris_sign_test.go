package wire_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/alma-events/alma/wire"
)

// TestExlibrisSignatureVectors are signatures that others have made.
func TestExlibrisSignatureVectors(t *testing.T) {
	t.Parallel()
	for _, v := range []struct{ secret, body, signature string }{
		{"itsasecret", `{"action": "JOB_END"}`, "bbQKggzWRSuwopIwszy757lusNZWOPllfv5Rt6Qj8uE="},
		{"test_secret", `{"string":"garble","action":"exl-event"}`, "vPApXFBjxqVEykEJgDiD7dBuXqHvY8nIJdGrXUFXh4k="},
	} {
		if got := wire.SignExlibris(v.secret, []byte(v.body)); got != v.signature {
			t.Errorf("%s: signed %s; want %s", v.body, got, v.signature)
		}
		if err := wire.VerifyExlibris(v.secret, []byte(v.body), v.signature); err != nil {
			t.Errorf("%s: %v", v.body, err)
		}
	}
}

func TestExlibrisVerify(t *testing.T) {
	t.Parallel()
	const secret = "itsasecret"
	body := []byte(`{"action": "JOB_END"}`)
	good := wire.SignExlibris(secret, body)
	raw, _ := base64.StdEncoding.DecodeString(good)
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
		{"empty secret", []string{wire.SignExlibris("", body)}, []string{""}, wire.ErrNoSecret},
		{"empty secret among others", []string{wire.SignExlibris("", body)}, []string{"", secret}, wire.ErrSignatureMismatch},
		{"of another body", []string{wire.SignExlibris(secret, []byte("{}"))}, []string{secret}, wire.ErrSignatureMismatch},
		{"without padding", []string{strings.TrimSuffix(good, "=")}, []string{secret}, wire.ErrSignatureMalformed},
		{"more padding", []string{good + "="}, []string{secret}, wire.ErrSignatureMalformed},
		{"stray bits", []string{good[:42] + "F="}, []string{secret}, wire.ErrSignatureMalformed},
		{"truncated", []string{good[:40]}, []string{secret}, wire.ErrSignatureMalformed},
		{"another alphabet", []string{base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 32))}, []string{secret}, wire.ErrSignatureMalformed},
		{"hexadecimal", []string{strings.Repeat("a", 64)}, []string{secret}, wire.ErrSignatureMalformed},
		{"of SHA-512", []string{base64.StdEncoding.EncodeToString(append(raw, raw...))}, []string{secret}, wire.ErrSignatureMalformed},
		{"a line break inside", []string{good[:20] + "\n" + good[21:]}, []string{secret}, wire.ErrSignatureMalformed},
		{"a line break more", []string{good + "\n"}, []string{secret}, wire.ErrSignatureMalformed},
		{"a prefix", []string{"sha256=" + good}, []string{secret}, wire.ErrSignatureMalformed},
		{"re-cased", []string{strings.ToUpper(good)}, []string{secret}, wire.ErrSignatureMismatch},
		{"two headers", []string{good, good}, []string{secret}, wire.ErrSignatureMalformed},
		{"two in one", []string{good + "," + good}, []string{secret}, wire.ErrSignatureMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			for _, s := range c.signatures {
				header.Add(wire.HeaderExlibrisSignature, s)
			}
			err := exlibrisFormat(t).Verify(header, body, c.secrets, time.Time{})
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v; want %v", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), good)) {
				t.Errorf("the error gives something away: %v", err)
			}
		})
	}
}

// TestExlibrisSignatureHolds: what was signed verifies, and nothing else does.
func TestExlibrisSignatureHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, signatureHolds(wire.SignExlibris, wire.VerifyExlibris))
}

func FuzzExlibrisVerify(f *testing.F) {
	f.Add("secret", []byte("{}"), "AAAA")
	f.Add("itsasecret", []byte(`{"action": "JOB_END"}`), "bbQKggzWRSuwopIwszy757lusNZWOPllfv5Rt6Qj8uE=")
	f.Add("itsasecret", []byte(`{"action": "JOB_END"}`), "bbQKggzWRSuwopIwszy757lusNZWOPllfv5Rt6Qj8uF=")
	f.Fuzz(func(t *testing.T, secret string, body []byte, signature string) {
		err := wire.VerifyExlibris(secret, body, signature)
		if right := secret != "" && signature == wire.SignExlibris(secret, body); (err == nil) != right {
			t.Errorf("secret %q, body %q, signature %q: %v", secret, body, signature, err)
		}
	})
}
