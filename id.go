package alma

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"time"
)

// NewEventID returns "evt_" and a UUIDv7 (RFC 9562). Identifiers made within
// one process sort in the order in which they were made.
func NewEventID() string { return "evt_" + newUUIDv7() }

// NewMemoryID returns a UUIDv7.
func NewMemoryID() string { return newUUIDv7() }

// NewWebhookID returns "wh_" and 16 random lower-case letters and digits.
func NewWebhookID() string { return "wh_" + randomBase32(10) }

// NewKeyID returns "key_" and 16 random lower-case letters and digits.
func NewKeyID() string { return "key_" + randomBase32(10) }

// NewBatchID returns "bat_" and a UUIDv7: the X-ALMA-Delivery of a batch.
func NewBatchID() string { return "bat_" + newUUIDv7() }

// NewReplayID returns "rpl_" and 16 random lower-case letters and digits.
func NewReplayID() string { return "rpl_" + randomBase32(10) }

// NewAuditID returns "aud_" and a UUIDv7.
func NewAuditID() string { return "aud_" + newUUIDv7() }

// NewSecret returns a random signing secret of 256 bits as text.
func NewSecret() string { return randomBase32(32) }

// DeliveryID names the delivery of the event at pos to a webhook. It is
// derived, not drawn, so that a delivery keeps its id over retries, replays
// and crashes: "dlv_" + the webhook's id without "wh_" + "_" + the position.
func DeliveryID(webhookID string, pos Position) string {
	return "dlv_" + strings.TrimPrefix(webhookID, "wh_") + "_" + pos.String()
}

// ParseDeliveryID is the reverse of [DeliveryID].
func ParseDeliveryID(id string) (webhookID string, pos Position, err error) {
	rest, ok := strings.CutPrefix(id, "dlv_")
	i := strings.LastIndexByte(rest, '_')
	if !ok || i <= 0 {
		return "", Position{}, errors.New(`alma: not a delivery id: want "dlv_<webhook>_<position>"`)
	}
	if pos, err = ParsePosition(rest[i+1:]); err != nil {
		return "", Position{}, err
	}
	return "wh_" + rest[:i], pos, nil
}

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func randomBase32(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // It never fails: it ends the program instead.
	return lowerBase32.EncodeToString(b)
}

var uuidClock struct {
	sync.Mutex
	last int64 // milliseconds << 12 | counter
}

// newUUIDv7 fills the 12 bits after the milliseconds with a counter, so that
// ids of one process are strictly increasing (RFC 9562, section 6.2, method 1).
func newUUIDv7() string {
	now := time.Now().UnixMilli() << 12
	uuidClock.Lock()
	if now <= uuidClock.last {
		now = uuidClock.last + 1
	}
	uuidClock.last = now
	uuidClock.Unlock()

	var u [16]byte
	binary.BigEndian.PutUint64(u[:8], uint64(now>>12)<<16|0x7000|uint64(now&0xfff))
	binary.BigEndian.PutUint64(u[8:], mathrand.Uint64()>>2|1<<63)

	var s [36]byte
	hex.Encode(s[0:8], u[0:4])
	s[8] = '-'
	hex.Encode(s[9:13], u[4:6])
	s[13] = '-'
	hex.Encode(s[14:18], u[6:8])
	s[18] = '-'
	hex.Encode(s[19:23], u[8:10])
	s[23] = '-'
	hex.Encode(s[24:], u[10:])
	return string(s[:])
}
