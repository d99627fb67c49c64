package wire_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/exlibris"
	"github.com/alma-events/alma/wire"
)

// What holds for every format stands here; a new one joins by itself.

// forms are those that a format can be asked for.
func forms(name alma.Format) []wire.Form {
	switch name {
	case alma.FormatAlma:
		return []wire.Form{{}, {Batch: true}}
	case alma.FormatCloudEvents:
		return []wire.Form{{}, {Batch: true}, {Binary: true}}
	case alma.FormatExlibris:
		return []wire.Form{{}, {OmitNull: true}, {XML: true}}
	default:
		return []wire.Form{{}}
	}
}

// schemes are the ways in which a format signs.
func schemes(name alma.Format) []alma.SignatureScheme {
	if name == alma.FormatStandard || name == alma.FormatCloudEvents {
		return []alma.SignatureScheme{alma.SignatureHMAC, alma.SignatureEd25519}
	}
	return []alma.SignatureScheme{alma.SignatureHMAC}
}

// carried is an event that a format carries, with what the format leaves out
// left out.
func carried(t *rapid.T, f wire.Format) *alma.Event {
	if f.Name() == alma.FormatExlibris {
		entry := rapid.SampledFrom(exlibris.Catalogue()).Draw(t, "entry")
		e := anyEvent(t)
		e.Type, e.MemoryType, e.Data = entry.Type, entry.Payload, []byte(`{"id":"1","name":"Ünal"}`)
		return e
	}
	return rapid.Custom(anyEvent).Filter(f.Carries).Draw(t, "event")
}

func each(t *testing.T, check func(t *rapid.T, f wire.Format, form wire.Form)) {
	t.Helper()
	for _, f := range wire.Formats() {
		t.Run(string(f.Name()), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { check(t, f, rapid.SampledFrom(forms(f.Name())).Draw(t, "form")) })
		})
	}
}

// TestEveryFormatKeepsEvents: Decode(Encode(e)) is e, of foreign types and of
// our own.
func TestEveryFormatKeepsEvents(t *testing.T) {
	t.Parallel()
	each(t, func(t *rapid.T, f wire.Format, form wire.Form) {
		if f.Name() == alma.FormatExlibris {
			return // It keeps what the library's records have: see its own tests.
		}
		e := carried(t, f)
		if rapid.Bool().Draw(t, "known type") {
			e.Type = rapid.SampledFrom(append(alma.MemoryEventTypes(), "LOAN_CREATED", "JOB_END", "ALMA_WEBHOOK_FAILING")).Draw(t, "type")
		}
		msg, err := f.Encode([]*alma.Event{e}, form)
		if err != nil {
			t.Fatal(err)
		}
		header := asHeader(f.Sign(&msg, []string{f.NewSecret(alma.SignatureHMAC)}, wire.Attempt{DeliveryID: "dlv_1", Number: 1, At: time.Now()}))
		got, err := f.Decode(header, msg.Body)
		if err != nil {
			t.Fatalf("%v\n%s", err, msg.Body)
		}
		if d := cmp.Diff([]alma.Event{*e}, got); d != "" {
			t.Fatalf("(-want +got):\n%s\n%v\n%s", d, header, msg.Body)
		}
	})
}

// TestEveryFormatSigns: every valid secret verifies what was signed with it,
// and a change of the body, or of the secret, breaks it.
func TestEveryFormatSigns(t *testing.T) {
	t.Parallel()
	each(t, func(t *rapid.T, f wire.Format, form wire.Form) {
		scheme := rapid.SampledFrom(schemes(f.Name())).Draw(t, "scheme")
		msg, err := f.Encode([]*alma.Event{carried(t, f)}, form)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		former, newest := f.NewSecret(scheme), f.NewSecret(scheme)
		header := asHeader(f.Sign(&msg, []string{newest, former}, wire.Attempt{DeliveryID: "dlv_1", Number: 1, At: now}))
		verify := func(body []byte, secrets ...string) error { return f.Verify(header, body, secrets, now) }
		if err := verify(msg.Body, former); err != nil {
			t.Fatalf("during a rotation, the former secret: %v", err)
		}
		if err := verify(msg.Body, newest, former); err != nil {
			t.Fatalf("both secrets: %v", err)
		}
		changed := bytes.Clone(msg.Body)
		at := rapid.IntRange(0, len(changed)-1).Draw(t, "at")
		changed[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "by"))
		for what, err := range map[string]error{
			"one byte changed": verify(changed, newest, former),
			"one byte more":    verify(append(bytes.Clone(msg.Body), ' '), newest, former),
			"one byte less":    verify(msg.Body[:len(msg.Body)-1], newest, former),
			"another secret":   verify(msg.Body, f.NewSecret(scheme)),
			"no secret":        verify(msg.Body),
			"an empty secret":  verify(msg.Body, ""),
		} {
			if err == nil {
				t.Fatalf("%s: taken", what)
			}
		}
	})
}

// TestSignedHeaders: where id and time are signed, changing either breaks it.
func TestSignedHeaders(t *testing.T) {
	t.Parallel()
	each(t, func(t *rapid.T, f wire.Format, form wire.Form) {
		if len(schemes(f.Name())) == 1 {
			return
		}
		scheme := rapid.SampledFrom(schemes(f.Name())).Draw(t, "scheme")
		msg, err := f.Encode([]*alma.Event{carried(t, f)}, form)
		if err != nil {
			t.Fatal(err)
		}
		now, secret := time.Unix(1769601600, 0), f.NewSecret(scheme)
		fields := f.Sign(&msg, []string{secret}, wire.Attempt{DeliveryID: "dlv_1", Number: 1, At: now})
		for _, change := range []struct{ name, value string }{
			{"webhook-id", "evt_other"}, {"webhook-timestamp", "1769601601"}, {"webhook-timestamp", "1769601599"}, {"webhook-signature", "v1,"},
		} {
			header := asHeader(fields)
			header.Set(change.name, change.value)
			if err := f.Verify(header, msg.Body, []string{secret}, now); err == nil {
				t.Fatalf("taken with %s: %s", change.name, change.value)
			}
		}
	})
}

// TestEveryFormatRepeatsItsBytes: encoding again gives the same message, which
// a retry that lost it relies on.
func TestEveryFormatRepeatsItsBytes(t *testing.T) {
	t.Parallel()
	each(t, func(t *rapid.T, f wire.Format, form wire.Form) {
		e := carried(t, f)
		if f.Name() == alma.FormatExlibris {
			e.Envelope = []byte(`{"id":"1234567890123456789"}`) // Without one it draws an id, which is kept with the delivery.
		}
		first, err1 := f.Encode([]*alma.Event{e}, form)
		again, err2 := f.Encode([]*alma.Event{e}, form)
		if d := cmp.Diff(first, again); d != "" || err1 != nil || err2 != nil {
			t.Fatalf("%v %v (-first +again):\n%s", err1, err2, d)
		}
	})
}
