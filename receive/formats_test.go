package receive_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/wire"
)

// What holds for listeners of every format stands here; a new one joins by
// itself.

// sent is a delivery of a format, signed as it is on the wire.
type sent struct {
	format wire.Format
	secret string
	body   []byte
	header http.Header
}

func send(t testing.TB, f wire.Format, secret string, at time.Time) sent {
	t.Helper()
	msg, err := f.Encode([]*alma.Event{{
		ID: "evt_1", Type: "LOAN_CREATED", MemoryID: "23", MemoryType: "item_loan", ProjectID: "01X",
		Timestamp: time.Date(2026, 1, 28, 12, 0, 0, 0, time.UTC), Data: []byte(`{"loan_id":"23"}`),
	}}, wire.Form{})
	if err != nil {
		t.Fatal(err)
	}
	s := sent{format: f, secret: secret, body: msg.Body, header: http.Header{}}
	for _, field := range f.Sign(&msg, []string{secret}, wire.Attempt{DeliveryID: "dlv_1", Number: 1, At: at}) {
		s.header.Add(field.Name, field.Value)
	}
	return s
}

func (s *sent) request() *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/hook", bytes.NewReader(s.body))
	r.Header = s.header.Clone()
	return r
}

// signatureHeader is the name of the header that carries a signature.
func (s *sent) signatureHeader() string {
	for name := range s.header {
		if strings.HasSuffix(name, "Signature") {
			return name
		}
	}
	return ""
}

func eachFormat(t *testing.T, check func(t *testing.T, f wire.Format, secret string)) {
	t.Helper()
	for _, f := range wire.Formats() {
		t.Run(string(f.Name()), func(t *testing.T) {
			t.Parallel()
			check(t, f, f.NewSecret(alma.SignatureHMAC))
		})
	}
}

func listens(t *testing.T, f wire.Format, rec *recorder, secrets ...string) *receive.Handler {
	t.Helper()
	return handler(t, receive.Config{Format: f.Name(), Secrets: secrets, Handle: rec.handle})
}

// TestEveryFormatIsTaken: a delivery is handled once, also while the secret is
// being changed, and its repeat is not.
func TestEveryFormatIsTaken(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f wire.Format, secret string) {
		var rec recorder
		h := listens(t, f, &rec, f.NewSecret(alma.SignatureHMAC), secret)
		d := send(t, f, secret, time.Now())
		for range 3 {
			if w := serve(h, d.request()); w.Code != http.StatusNoContent || w.Body.Len() > 0 {
				t.Fatalf("answered %d %s; want an empty 204", w.Code, w.Body)
			}
		}
		if len(rec.ids) != 1 || rec.ids[0] == "" {
			t.Errorf("handled %q; want one event with an id", rec.ids)
		}
	})
}

// TestEveryFormatRefuses: whatever is done to a signature or a body, the
// delivery is refused before anything reads it.
func TestEveryFormatRefuses(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f wire.Format, secret string) {
		good := send(t, f, secret, time.Now())
		name := good.signatureHeader()
		value := good.header.Get(name)
		other := send(t, f, f.NewSecret(alma.SignatureHMAC), time.Now())
		signed := func(v string) func(*http.Request) { return func(r *http.Request) { r.Header.Set(name, v) } }
		replaced := func(body []byte) func(*http.Request) {
			return func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), -1 }
		}
		flipped := bytes.Clone(good.body)
		flipped[len(flipped)/2] ^= 1
		urlSafe := strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(value)
		for what, c := range map[string]struct {
			change func(*http.Request)
			status int
		}{
			"no signature":      {func(r *http.Request) { r.Header.Del(name) }, 401},
			"empty":             {signed(""), 401},
			"a space":           {signed(" "), 401},
			"truncated":         {signed(value[:len(value)/2]), 401},
			"one digit less":    {signed(value[:len(value)-1]), 401},
			"doubled":           {signed(value + value), 401},
			"given twice":       {func(r *http.Request) { r.Header.Add(name, value) }, 401},
			"joined by a comma": {signed(value + ", " + value), 401},
			"in capitals":       {signed(strings.ToUpper(value)), 401},
			"URL-safe":          {signed(urlSafe + "_"), 401}, // The last sign for what has no other difference.
			"unpadded":          {signed(strings.TrimRight(value, "=") + "."), 401},
			"in Base64 again":   {signed(base64.StdEncoding.EncodeToString([]byte(value))), 401},
			"split":             {signed(value[:8] + "\r\n" + value[8:]), 401},
			"another secret's":  {signed(other.header.Get(name)), 401},
			"one bit changed":   {replaced(flipped), 401},
			"a byte more":       {replaced(append(bytes.Clone(good.body), '\n')), 401},
			"a byte less":       {replaced(good.body[:len(good.body)-1]), 401},
			"no body":           {replaced(nil), 401},
			"gzip": {func(r *http.Request) {
				r.Header.Set("Content-Encoding", "gzip")
				replaced(gzipped(good.body))(r)
			}, 415},
			"gzip without saying so": {replaced(gzipped(good.body)), 401},
			"100 MB announced":       {func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(&endless{}), 100<<20 }, 413},
			"100 MB":                 {func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(io.LimitReader(&endless{}, 100<<20)), -1 }, 413},
			"GET":                    {func(r *http.Request) { r.Method = http.MethodGet }, 405},
			"OPTIONS":                {func(r *http.Request) { r.Method = http.MethodOptions }, 405},
		} {
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				var rec recorder
				var logged bytes.Buffer
				h := handler(t, receive.Config{Format: f.Name(), Secrets: []string{secret}, Handle: rec.handle, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
				r := good.request()
				c.change(r)
				w := serve(h, r)
				if w.Code != c.status || len(rec.ids) > 0 {
					t.Errorf("answered %d %s, handled %v; want %d", w.Code, w.Body, rec.ids, c.status)
				}
				if all := w.Body.String() + logged.String(); strings.Contains(all, secret) || strings.Contains(all, value) {
					t.Errorf("a secret or a right signature is told: %s", all)
				}
			})
		}
	})
}

func gzipped(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(body)
	w.Close()
	return b.Bytes()
}

// TestOldDeliveriesAreRefused: where the time is signed, a captured request is
// of no use later, nor one that was made ahead.
func TestOldDeliveriesAreRefused(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f wire.Format, secret string) {
		if f.Name() != alma.FormatStandard && f.Name() != alma.FormatCloudEvents {
			return
		}
		for what, at := range map[string]time.Time{"old": time.Now().Add(-6 * time.Minute), "early": time.Now().Add(6 * time.Minute)} {
			var rec recorder
			d := send(t, f, secret, at)
			w := serve(listens(t, f, &rec, secret), d.request())
			if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "the timestamp is too far from the present") || len(rec.ids) > 0 {
				t.Errorf("%s: answered %d %s", what, w.Code, w.Body)
			}
			d.header.Set("webhook-timestamp", strconv.FormatInt(time.Now().Unix(), 10))
			if w := serve(listens(t, f, &rec, secret), d.request()); w.Code != http.StatusUnauthorized {
				t.Errorf("%s, and made to look new: answered %d", what, w.Code)
			}
		}
	})
}

// TestWrongContentType: a delivery that is signed and says that it is something
// else is either read as what it is, or refused; it never fails the listener.
func TestWrongContentType(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f wire.Format, secret string) {
		for _, contentType := range []string{"", "text/plain", "application/xml", "multipart/form-data", "nonsense;;;", "application/cloudevents+avro"} {
			var rec recorder
			d := send(t, f, secret, time.Now())
			d.header.Set("Content-Type", contentType)
			if w := serve(listens(t, f, &rec, secret), d.request()); w.Code != http.StatusNoContent && w.Code != http.StatusBadRequest {
				t.Errorf("%q: answered %d %s", contentType, w.Code, w.Body)
			}
		}
	})
}

// TestHandshakes: the questions of senders are answered before anything is
// verified, by the middleware too.
func TestHandshakes(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f wire.Format, secret string) {
		asks, ok := f.(wire.Handshaker)
		if !ok {
			return
		}
		q, err := asks.Ask(alma.WebhookConfig{URL: "https://example.com/hook?a=b", Challenge: true}, "alma.example.com")
		if err != nil || q == nil {
			t.Fatal(q, err)
		}
		var rec recorder
		verify, err := receive.NewMiddleware(receive.Config{Format: f.Name(), Secrets: []string{secret}, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range []http.Handler{listens(t, f, &rec, secret), verify(http.NotFoundHandler())} {
			r := httptest.NewRequestWithContext(t.Context(), q.Method, q.URL, nil)
			for _, field := range q.Header {
				r.Header.Add(field.Name, field.Value)
			}
			w := serve(h, r)
			header := http.Header{}
			for name, values := range w.Header() {
				header[http.CanonicalHeaderKey(name)] = values
			}
			if _, err := q.Judge(w.Code, header, w.Body.Bytes()); err != nil {
				t.Errorf("answered %d %s: %v", w.Code, w.Body, err)
			}
		}
	})
}

// TestSecretsThatNeverFit are found at the start, not with each delivery.
func TestSecretsThatNeverFit(t *testing.T) {
	t.Parallel()
	for _, format := range []alma.Format{alma.FormatStandard, alma.FormatCloudEvents} {
		_, err := receive.New(receive.Config{Format: format, Secrets: []string{"your-secret-key", "whsec_AAAA"}, Handle: new(recorder).handle})
		wantFaults(t, err, []string{"secrets[0]", "secrets[1]"})
	}
}

// TestPublicKeyIsEnough: a listener needs no secret where the sender signs with
// a private key.
func TestPublicKeyIsEnough(t *testing.T) {
	t.Parallel()
	f, _ := wire.Lookup(alma.FormatStandard)
	private := f.NewSecret(alma.SignatureEd25519)
	public, _ := wire.PublicKey(private)
	var rec recorder
	d := send(t, f, private, time.Now())
	if w := serve(listens(t, f, &rec, public), d.request()); w.Code != http.StatusNoContent || len(rec.ids) != 1 {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}

func FuzzHandler(f *testing.F) {
	f.Add(uint8(0), "application/json", "sha256=00", "1", []byte(`{"event_type":"CREATED","memory_id":"1"}`))
	f.Add(uint8(3), "application/cloudevents+json", "v1,AA==", "1614265330", []byte(`{"specversion":"1.0"}`))
	f.Fuzz(func(t *testing.T, which uint8, contentType, signature, timestamp string, body []byte) {
		formats := wire.Formats()
		format := formats[int(which)%len(formats)]
		secret := format.NewSecret(alma.SignatureHMAC)
		for _, unsigned := range []bool{false, true} {
			var rec recorder
			cfg := receive.Config{Format: format.Name(), Unsigned: unsigned, Handle: rec.handle}
			if !unsigned {
				cfg.Secrets = []string{secret}
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
			r.Header = http.Header{
				"Content-Type": {contentType}, "X-Alma-Signature": {signature}, "X-Exl-Signature": {signature},
				"Webhook-Signature": {signature}, "Webhook-Timestamp": {timestamp}, "Webhook-Id": {"evt_1"},
			}
			w := serve(handler(t, cfg), r)
			if !unsigned && (w.Code != http.StatusUnauthorized || len(rec.ids) > 0) || w.Code == http.StatusInternalServerError {
				t.Errorf("%s: answered %d, handled %v", format.Name(), w.Code, rec.ids)
			}
		}
	})
}
