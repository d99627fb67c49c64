package wire_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	oracle "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

const (
	hmacSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	privateSecret = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	publicSecret  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
)

func standard(t testing.TB) wire.Format { return lookup(t, alma.FormatStandard) }

func lookup(t testing.TB, name alma.Format) wire.Format {
	t.Helper()
	f, ok := wire.Lookup(name)
	if !ok {
		t.Fatalf("no format %s", name)
	}
	return f
}

// The published vectors of Standard Webhooks.
var standardVectors = []struct {
	secret, verifier, id string
	at                   int64
	body, signature      string
}{
	{hmacSecret, hmacSecret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, `{"test": 2432232314}`, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	{"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1649367553, `{"email":"test@example.com","username":"test_user"}`, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="},
	{privateSecret, publicSecret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, `{"test": 2432232314}`, "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="},
}

func TestStandardVectors(t *testing.T) {
	t.Parallel()
	for _, v := range standardVectors {
		at := time.Unix(v.at, 0)
		got, err := wire.SignStandard(v.secret, v.id, at, []byte(v.body))
		if err != nil || got != v.signature {
			t.Errorf("%s: signed %s, %v; want %s", v.id, got, err, v.signature)
		}
		header := signedHeader(v.id, strconv.FormatInt(v.at, 10), v.signature)
		for _, verifier := range []string{v.secret, v.verifier} {
			if err := standard(t).Verify(header, []byte(v.body), []string{verifier}, at); err != nil {
				t.Errorf("%s: %v", v.id, err)
			}
		}
	}
}

func signedHeader(id, timestamp, signature string) http.Header {
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", timestamp)
	h.Set("webhook-signature", signature)
	return h
}

// asHeader is what a server makes of fields on the wire.
func asHeader(fields []alma.HeaderField) http.Header {
	h := http.Header{}
	for _, f := range fields {
		h.Add(f.Name, f.Value)
	}
	return h
}

func TestStandardMessage(t *testing.T) {
	t.Parallel()
	f := standard(t)
	msg, err := f.Encode([]*alma.Event{event()}, wire.Form{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"memory.created","timestamp":"2026-01-28T12:00:00Z","data":{"memory_id":"550e8400-e29b-41d4-a716-446655440000",` +
		`"memory_type":"heuristic","agent":"qa_tester","project_id":"my-project",` +
		`"data":{"strategy":"Use incremental validation for large forms","confidence":0.850,"a":1e2}}}`
	if string(msg.Body) != want {
		t.Errorf("body\n%s\nwant\n%s", msg.Body, want)
	}
	attempt := wire.Attempt{DeliveryID: "dlv_1", Number: 2, At: time.Unix(1614265330, 999)}
	newest, _ := wire.SignStandard(privateSecret, "evt_1", attempt.At, msg.Body)
	former, _ := wire.SignStandard(hmacSecret, "evt_1", attempt.At, msg.Body)
	fields := []alma.HeaderField{
		{Name: "Content-Type", Value: "application/json"},
		{Name: "webhook-id", Value: "evt_1"},
		{Name: "webhook-timestamp", Value: "1614265330"},
		{Name: "webhook-signature", Value: newest + " " + former},
		{Name: "User-Agent", Value: "alma/" + wire.Version},
	}
	if d := cmp.Diff(fields, f.Sign(&msg, []string{privateSecret, hmacSecret}, attempt)); d != "" {
		t.Errorf("headers (-want +got):\n%s", d)
	}
}

// TestStandardByItsOwnLibrary: the published library takes what is signed here,
// also during a rotation, and what it signs is taken here.
func TestStandardByItsOwnLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, _ := wire.Lookup(alma.FormatStandard)
		msg, err := f.Encode([]*alma.Event{anyEvent(t)}, wire.Form{})
		if err != nil {
			t.Fatal(err)
		}
		old, next := f.NewSecret(alma.SignatureHMAC), f.NewSecret(alma.SignatureHMAC)
		now := time.Now()
		header := asHeader(f.Sign(&msg, []string{next, old}, wire.Attempt{At: now}))
		for _, secret := range []string{old, next} {
			theirs, err := oracle.NewWebhook(secret)
			if err != nil {
				t.Fatal(err)
			}
			if err := theirs.Verify(msg.Body, header); err != nil {
				t.Fatalf("the library refuses: %v", err)
			}
			signature, err := theirs.Sign("msg_1", now, msg.Body)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Verify(signedHeader("msg_1", strconv.FormatInt(now.Unix(), 10), signature), msg.Body, []string{secret}, now); err != nil {
				t.Fatalf("the library's signature is refused: %v", err)
			}
		}
	})
}

func TestStandardVerifyRefuses(t *testing.T) {
	t.Parallel()
	v := standardVectors[0]
	at := time.Unix(v.at, 0)
	body := []byte(v.body)
	id, ts := v.id, strconv.FormatInt(v.at, 10)
	asymmetric := standardVectors[2].signature
	raw := strings.TrimPrefix(v.signature, "v1,")
	many := strings.TrimSuffix(strings.Repeat("v9,x ", 17), " ")
	twice := signedHeader(id, ts, v.signature)
	twice.Add("webhook-signature", v.signature)
	twoIDs := signedHeader(id, ts, v.signature)
	twoIDs.Add("webhook-id", id)
	for name, c := range map[string]struct {
		header  http.Header
		body    []byte
		secrets []string
		now     time.Time
		want    error
	}{
		"good":                       {signedHeader(id, ts, v.signature), body, nil, at, nil},
		"one of several":             {signedHeader(id, ts, asymmetric+" v2,whatever "+v.signature), body, nil, at, nil},
		"one of two secrets":         {signedHeader(id, ts, v.signature), body, []string{newHMAC(t), hmacSecret}, at, nil},
		"by the private key":         {signedHeader(id, ts, asymmetric), body, []string{privateSecret}, at, nil},
		"5 minutes old":              {signedHeader(id, ts, v.signature), body, nil, at.Add(5 * time.Minute), nil},
		"5 minutes early":            {signedHeader(id, ts, v.signature), body, nil, at.Add(-5 * time.Minute), nil},
		"replayed":                   {signedHeader(id, ts, v.signature), body, nil, at.Add(5*time.Minute + time.Second), wire.ErrTimestamp},
		"from the future":            {signedHeader(id, ts, v.signature), body, nil, at.Add(-5*time.Minute - time.Second), wire.ErrTimestamp},
		"no signature":               {http.Header{}, body, nil, at, wire.ErrSignatureMissing},
		"empty":                      {signedHeader(id, ts, ""), body, nil, at, wire.ErrSignatureMissing},
		"given twice":                {twice, body, nil, at, wire.ErrSignatureMalformed},
		"two ids":                    {twoIDs, body, nil, at, wire.ErrSignatureMalformed},
		"no id":                      {signedHeader("", ts, v.signature), body, nil, at, wire.ErrSignatureMalformed},
		"no timestamp":               {signedHeader(id, "", v.signature), body, nil, at, wire.ErrSignatureMalformed},
		"no version":                 {signedHeader(id, ts, raw), body, nil, at, wire.ErrSignatureMalformed},
		"unknown version only":       {signedHeader(id, ts, "v2,"+raw), body, nil, at, wire.ErrSignatureMismatch},
		"version in capitals":        {signedHeader(id, ts, "V1,"+raw), body, nil, at, wire.ErrSignatureMismatch},
		"re-cased":                   {signedHeader(id, ts, "v1,"+strings.ToLower(raw)), body, nil, at, wire.ErrSignatureMalformed}, // Its last digit says too much now.
		"truncated":                  {signedHeader(id, ts, v.signature[:20]), body, nil, at, wire.ErrSignatureMalformed},
		"unpadded":                   {signedHeader(id, ts, strings.TrimRight(v.signature, "=")), body, nil, at, wire.ErrSignatureMalformed},
		"URL-safe":                   {signedHeader(id, ts, strings.NewReplacer("+", "-", "/", "_").Replace(v.signature)), body, nil, at, wire.ErrSignatureMalformed},
		"two spaces":                 {signedHeader(id, ts, v.signature+"  "+v.signature), body, nil, at, wire.ErrSignatureMalformed},
		"trailing space":             {signedHeader(id, ts, v.signature+" "), body, nil, at, wire.ErrSignatureMalformed},
		"comma for a space":          {signedHeader(id, ts, v.signature+","+v.signature), body, nil, at, wire.ErrSignatureMalformed},
		"line break in it":           {signedHeader(id, ts, v.signature[:10]+"\n"+v.signature[10:]), body, nil, at, wire.ErrSignatureMalformed},
		"hundreds of signatures":     {signedHeader(id, ts, many), body, nil, at, wire.ErrSignatureMalformed},
		"timestamp with a sign":      {signedHeader(id, "+"+ts, v.signature), body, nil, at, wire.ErrSignatureMalformed},
		"timestamp with a zero":      {signedHeader(id, "0"+ts, v.signature), body, nil, at, wire.ErrSignatureMismatch},
		"timestamp as a date":        {signedHeader(id, "2021-02-25", v.signature), body, nil, at, wire.ErrSignatureMalformed},
		"endless timestamp":          {signedHeader(id, strings.Repeat("9", 100), v.signature), body, nil, at, wire.ErrSignatureMalformed},
		"another timestamp":          {signedHeader(id, "1614265331", v.signature), body, nil, at, wire.ErrSignatureMismatch},
		"another id":                 {signedHeader(id+"x", ts, v.signature), body, nil, at, wire.ErrSignatureMismatch},
		"border moved":               {signedHeader(id+"."+ts, ts, v.signature), body, nil, at, wire.ErrSignatureMalformed},
		"another body":               {signedHeader(id, ts, v.signature), []byte(`{"test": 2432232315}`), nil, at, wire.ErrSignatureMismatch},
		"Ed25519 of another body":    {signedHeader(id, ts, asymmetric), []byte(`{}`), []string{publicSecret}, at, wire.ErrSignatureMismatch},
		"another secret":             {signedHeader(id, ts, v.signature), body, []string{newHMAC(t)}, at, wire.ErrSignatureMismatch},
		"a public key for an HMAC":   {signedHeader(id, ts, v.signature), body, []string{publicSecret}, at, wire.ErrSignatureMismatch},
		"HMAC under another version": {signedHeader(id, ts, strings.Replace(v.signature, "v1", "v1a", 1)), body, nil, at, wire.ErrSignatureMalformed},
		"no secret":                  {signedHeader(id, ts, v.signature), body, []string{}, at, wire.ErrNoSecret},
		"a text for a secret":        {signedHeader(id, ts, v.signature), body, []string{"", "your-secret-key"}, at, wire.ErrNoSecret},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secrets := c.secrets
			if secrets == nil {
				secrets = []string{hmacSecret, publicSecret}
			}
			err := standard(t).Verify(c.header, c.body, secrets, c.now)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v; want %v", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), raw) || strings.Contains(err.Error(), hmacSecret[6:])) {
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
}

func newHMAC(t testing.TB) string { return standard(t).NewSecret(alma.SignatureHMAC) }

func TestStandardCheck(t *testing.T) {
	t.Parallel()
	b64 := base64.StdEncoding.EncodeToString
	mixed := make([]byte, 64)
	for name, c := range map[string]struct {
		cfg  alma.WebhookConfig
		want string // "field: beginning of the message"; "" for none.
	}{
		"nothing said":           {alma.WebhookConfig{}, ""},
		"good":                   {alma.WebhookConfig{Secret: hmacSecret}, ""},
		"good private key":       {alma.WebhookConfig{Secret: privateSecret, Signature: alma.SignatureEd25519}, ""},
		"24 bytes":               {alma.WebhookConfig{Secret: "whsec_" + b64(make([]byte, 24))}, ""},
		"64 bytes":               {alma.WebhookConfig{Secret: "whsec_" + b64(make([]byte, 64))}, ""},
		"23 bytes":               {alma.WebhookConfig{Secret: "whsec_" + b64(make([]byte, 23))}, "secret: holds 23 bytes behind whsec_; want 24 to 64"},
		"65 bytes":               {alma.WebhookConfig{Secret: "whsec_" + b64(make([]byte, 65))}, "secret: holds 65 bytes"},
		"unpadded":               {alma.WebhookConfig{Secret: "whsec_" + base64.RawStdEncoding.EncodeToString(make([]byte, 32))}, "secret: is not Base64 behind whsec_"},
		"any text":               {alma.WebhookConfig{Secret: "your-secret-key"}, "secret: begins with neither whsec_ nor whsk_"},
		"public key":             {alma.WebhookConfig{Secret: publicSecret}, "secret: is a public key (whpk_…), which cannot sign; want the private one"},
		"seed alone":             {alma.WebhookConfig{Secret: "whsk_" + b64(make([]byte, 32))}, "secret: holds 32 bytes behind whsk_; want 64"},
		"halves of two keys":     {alma.WebhookConfig{Secret: "whsk_" + b64(mixed)}, "secret: its two halves do not belong together"},
		"HMAC as Ed25519":        {alma.WebhookConfig{Secret: hmacSecret, Signature: alma.SignatureEd25519}, "signature: is ed25519, but the secret (whsec_…)"},
		"Ed25519 as HMAC":        {alma.WebhookConfig{Secret: privateSecret, Signature: alma.SignatureHMAC}, "signature: is hmac-sha256, but the secret is a private key"},
		"unsigned":               {alma.WebhookConfig{Unsigned: true}, "secret: is null, but format standard has no unsigned deliveries"},
		"batch":                  {alma.WebhookConfig{BatchSize: 2}, "batch_size: is 2"},
		"another format's":       {alma.WebhookConfig{OmitNull: true}, "omit_null: exists in format exlibris only"},
		"content mode":           {alma.WebhookConfig{ContentMode: alma.ModeBinary}, "content_mode: exists in format cloudevents only"},
		"challenge":              {alma.WebhookConfig{Challenge: true}, "challenge: exists in format alma"},
		"generated private key":  {alma.WebhookConfig{Secret: standard(t).NewSecret(alma.SignatureEd25519)}, ""},
		"generated":              {alma.WebhookConfig{Secret: newHMAC(t)}, ""},
		"batch of one, in words": {alma.WebhookConfig{BatchSize: 1, Signature: alma.SignatureEd25519}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f alma.Faults
			standard(t).Check(&f, c.cfg)
			got := ""
			var faults *alma.ValidationError
			if errors.As(f.Err(), &faults) {
				got = faults.Faults[0].Field + ": " + faults.Faults[0].Message
			}
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("got %q; want %q", got, c.want)
			}
			if len(c.cfg.Secret) > 12 && strings.Contains(got, c.cfg.Secret[6:]) {
				t.Errorf("the fault holds the secret: %s", got)
			}
		})
	}
}

func TestCheckVerifier(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format alma.Format
		secret string
		ok     bool
	}{
		{alma.FormatAlma, "anything", true},
		{alma.FormatAlma, "", false},
		{alma.FormatStandard, "anything", false},
		{alma.FormatStandard, hmacSecret, true},
		{alma.FormatStandard, publicSecret, true},
		{alma.FormatCloudEvents, privateSecret, true},
		{alma.FormatCloudEvents, "whpk_AAAA", false},
	} {
		if err := wire.CheckVerifier(c.format, c.secret); (err == nil) != c.ok {
			t.Errorf("%s, %q: %v", c.format, c.secret, err)
		}
	}
}

func TestStandardDecode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id, body string
		want     alma.Event
	}{
		"ours": {"evt_1", `{"type":"memory.created","timestamp":"2026-01-28T12:00:00Z","data":{"memory_id":"1","memory_type":"heuristic","agent":"a","project_id":"p","data":{"x":1.0}}}`,
			alma.Event{ID: "evt_1", Type: alma.Created, MemoryID: "1", MemoryType: "heuristic", Agent: "a", ProjectID: "p", Timestamp: time.Date(2026, 1, 28, 12, 0, 0, 0, time.UTC), Data: json.RawMessage(`{"x":1.0}`)}},
		"a library's": {"evt_1", `{"type":"library.loan_created","data":{"memory_id":"1","memory_type":"item_loan","agent":"","project_id":"01X","data":{}}}`,
			alma.Event{ID: "evt_1", Type: "LOAN_CREATED", MemoryID: "1", MemoryType: "item_loan", ProjectID: "01X", Data: json.RawMessage(`{}`)}},
		"a foreign one": {"msg_1", `{"type":"order.paid","timestamp":"2026-01-28T12:00:00Z","data":{"id":"ord_7","total":1.50}}`,
			alma.Event{ID: "msg_1", Type: "ORDER_PAID", MemoryID: "ord_7", Timestamp: time.Date(2026, 1, 28, 12, 0, 0, 0, time.UTC), Data: json.RawMessage(`{"id":"ord_7","total":1.50}`), Envelope: json.RawMessage(`{"type":"order.paid"}`)}},
		"further members": {"msg_1", `{"type":"order_paid","object":"event","data":{"id":7}}`,
			alma.Event{ID: "msg_1", Type: "ORDER_PAID", MemoryID: "7", Data: json.RawMessage(`{"id":7}`), Envelope: json.RawMessage(`{"standard":{"object":"event"}}`)}},
		"no data": {"msg_1", `{"type":"order_paid","order":"1"}`,
			alma.Event{ID: "msg_1", Type: "ORDER_PAID", MemoryID: "msg_1", Data: json.RawMessage(`{"order":"1"}`)}},
		"data that are no object": {"msg_1", `{"type":"7.Ümlaut","data":[1, 2]}`,
			alma.Event{ID: "msg_1", Type: "TYPE_7__MLAUT", MemoryID: "msg_1", Data: json.RawMessage(`{"value":[1,2]}`), Envelope: json.RawMessage(`{"type":"7.Ümlaut"}`)}},
		"an id that does not fit": {"a/b", `{"type":"x","data":{"id":"1"}}`,
			alma.Event{ID: "evt_b0f0e8a5", Type: "X", MemoryID: "1", Data: json.RawMessage(`{"id":"1"}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := standard(t).Decode(http.Header{"Webhook-Id": {c.id}}, []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.id == "a/b" {
				if !strings.HasPrefix(got[0].ID, "evt_") || len(got[0].ID) != 68 {
					t.Errorf("id %q; want a hash", got[0].ID)
				}
				c.want.ID = got[0].ID
			}
			if d := cmp.Diff([]alma.Event{c.want}, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			// Sent again, it is the same event, under the sender's own name.
			var given, again struct{ Type string }
			msg, err := standard(t).Encode([]*alma.Event{&got[0]}, wire.Form{})
			if err != nil || json.Unmarshal([]byte(c.body), &given) != nil || json.Unmarshal(msg.Body, &again) != nil || given != again {
				t.Errorf("sent again as %s, %v", msg.Body, err)
			}
			if strings.Contains(c.body, `"object":"event"`) && !bytes.Contains(msg.Body, []byte(`,"object":"event"}`)) {
				t.Errorf("further members are lost: %s", msg.Body)
			}
		})
	}
}

func TestStandardDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, field string }{
		"nothing":        {"", ""},
		"null":           {"null", ""},
		"an array":       {"[]", ""},
		"cut off":        {`{"type":"x"`, ""},
		"invalid UTF-8":  {"{\"type\":\"\xff\"}", ""},
		"no type":        {`{"data":{"id":"1"}}`, "type"},
		"type no text":   {`{"type":1,"data":{"id":"1"}}`, "type"},
		"control in it":  {`{"type":"x\u0000","data":{"id":"1"}}`, "type"},
		"long type":      {`{"type":"` + strings.Repeat("x", 2000) + `","data":{"id":"1"}}`, "type"},
		"no date":        {`{"type":"x","timestamp":"now","data":{"id":"1"}}`, "timestamp"},
		"about nothing":  {`{"type":"x"}`, "memory_id"},
		"ours, but odd":  {`{"type":"x","data":{"memory_id":"1","memory_type":"X","agent":"","project_id":"","data":{}}}`, "memory_type"},
		"deeply nested":  {`{"type":"x","data":{"id":"1","a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}`, "data"},
		"absurdly deep":  {strings.Repeat("[", 1<<20), ""},
		"data of a text": {`{"type":"x","data":{"memory_id":"1","memory_type":"","agent":"","project_id":"","data":"x"}}`, "data"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := standard(t).Decode(nil, []byte(c.body))
			var faults *alma.ValidationError
			if !errors.As(err, &faults) || faults.Faults[0].Field != c.field {
				t.Errorf("got %v; want a fault of %q", err, c.field)
			}
		})
	}
}

func TestStandardVerdict(t *testing.T) {
	t.Parallel()
	waits := http.Header{"Retry-After": {"7"}}
	for status, want := range map[int]wire.Verdict{
		200: {Outcome: wire.Success}, 204: {Outcome: wire.Success},
		302: {Outcome: wire.Retry, Reason: alma.ReasonRedirect},
		400: {Outcome: wire.Retry, Reason: alma.ReasonStatus4xx},
		410: {Outcome: wire.Gone, Reason: alma.ReasonGone},
		429: {Outcome: wire.Retry, Reason: alma.ReasonStatus4xx, RetryAfter: 7 * time.Second},
		500: {Outcome: wire.Retry, Reason: alma.ReasonStatus5xx},
		503: {Outcome: wire.Retry, Reason: alma.ReasonStatus5xx, RetryAfter: 7 * time.Second},
	} {
		if got := standard(t).Verdict(status, waits, time.Now()); got != want {
			t.Errorf("%d: %+v; want %+v", status, got, want)
		}
	}
}

func TestStandardDefaults(t *testing.T) {
	t.Parallel()
	cfg := alma.WebhookConfig{Format: alma.FormatStandard}.WithDefaults(standard(t).Defaults())
	want := []time.Duration{5e9, 300e9, 1800e9, 7200e9, 18000e9, 36000e9, 50400e9, 72000e9, 86400e9}
	if d := cmp.Diff(want, cfg.RetrySchedule); d != "" || cfg.Timeout != 20*time.Second || *cfg.DisableAfter != 120*time.Hour {
		t.Errorf("%v %v %v", cfg.RetrySchedule, cfg.Timeout, *cfg.DisableAfter)
	}
}

func TestPublicKeys(t *testing.T) {
	t.Parallel()
	if key, ok := wire.PublicKey(privateSecret); !ok || key != publicSecret {
		t.Errorf("public key %q, %v", key, ok)
	}
	for _, secret := range []string{"", hmacSecret, publicSecret, "whsk_AAAA"} {
		if key, ok := wire.PublicKey(secret); ok {
			t.Errorf("%q has a public key: %s", secret, key)
		}
	}
	raw := wire.JWKS(hmacSecret, privateSecret, publicSecret, privateSecret, "")
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(raw, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%s, %v; want one key", raw, err)
	}
	k := set.Keys[0]
	x, err := base64.RawURLEncoding.DecodeString(k["x"])
	if err != nil || publicSecret != "whpk_"+base64.StdEncoding.EncodeToString(x) || len(x) != ed25519.PublicKeySize {
		t.Errorf("x is %q", k["x"])
	}
	delete(k, "x")
	want := map[string]string{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": k["kid"]}
	if d := cmp.Diff(want, k); d != "" || len(k["kid"]) != 43 {
		t.Errorf("members (-want +got):\n%s", d)
	}
	if none := string(wire.JWKS()); none != `{"keys":[]}` {
		t.Errorf("no keys: %s", none)
	}
}

func FuzzStandardVerify(f *testing.F) {
	v := standardVectors[0]
	f.Add(v.id, "1614265330", v.signature, []byte(v.body))
	f.Add("", "", "v1a,AA== v1,", []byte{})
	f.Add("a.b", "99999999999", " , ,", []byte("x"))
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		err := standard(t).Verify(signedHeader(id, timestamp, signature), body, []string{hmacSecret, publicSecret}, time.Unix(v.at, 0))
		if err == nil && (id != v.id || timestamp != "1614265330" || string(body) != v.body) {
			t.Errorf("accepted %q %q %q %q", id, timestamp, signature, body)
		}
	})
}

func FuzzStandardDecode(f *testing.F) {
	f.Add("evt_1", []byte(`{"type":"memory.created","timestamp":"2026-01-28T12:00:00Z","data":{"memory_id":"1","memory_type":"heuristic","agent":"a","project_id":"p","data":{"x":1.0}}}`))
	f.Add("a b", []byte(`{"type":"order.paid","a":null,"data":null}`))
	f.Add("", []byte(`{"type":"X\u0000","data":{"id":"\ud800"}}`))
	f.Fuzz(func(t *testing.T, id string, body []byte) {
		format := standard(t)
		first, err := format.Decode(http.Header{"Webhook-Id": {id}}, body)
		if err != nil {
			return
		}
		if first[0].ID == "" {
			first[0].ID = "evt_1"
		}
		msg, err := format.Encode([]*alma.Event{&first[0]}, wire.Form{})
		if err != nil || !json.Valid(msg.Body) {
			t.Fatalf("decoded, but not encoded: %v\n%s", err, msg.Body)
		}
		again, err := format.Decode(http.Header{"Webhook-Id": {first[0].ID}}, msg.Body)
		if err != nil {
			t.Fatalf("encoded, but not decoded: %v\n%s", err, msg.Body)
		}
		if d := cmp.Diff(first, again); d != "" {
			t.Errorf("(-first +again):\n%s\n%s", d, msg.Body)
		}
	})
}
