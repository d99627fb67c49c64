package secret

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// The first byte of an envelope.
const (
	inClear byte = 1
	sealed  byte = 2
)

// What Open fails with. Callers add which row it was.
var (
	// ErrNoKey says that a text was sealed under a key that is not at hand.
	ErrNoKey = errors.New("sealed under a key that was not given")
	// ErrBroken says that an envelope does not belong here, or was changed.
	ErrBroken = errors.New("the sealed text does not open: it was changed, or belongs to another row")
)

// Keyring holds the current key and former ones. It may be used concurrently.
// A nil one has no key: it leaves texts in the clear.
type Keyring struct {
	keys []sealer // The current one first; never empty.
}

// New makes a keyring of a current key and any former ones, of 32 bytes each.
// It returns nil when there are none.
func New(keys ...[]byte) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, nil //nolint:nilnil // A keyring without keys.
	}
	r := &Keyring{}
	for i, key := range keys {
		s, err := newSealer(key)
		if err != nil {
			return nil, fmt.Errorf("key %d of %d: %w", i+1, len(keys), err)
		}
		r.keys = append(r.keys, s)
	}
	return r, nil
}

// Has reports whether the keyring can open what was sealed under a key.
func (r *Keyring) Has(id ID) bool {
	_, ok := r.find(id)
	return ok
}

// Current returns the id of the key that Seal uses; ok is false for a nil
// keyring.
func (r *Keyring) Current() (id ID, ok bool) {
	if r == nil {
		return ID{}, false
	}
	return r.keys[0].id, true
}

func (r *Keyring) find(id ID) (sealer, bool) {
	if r == nil {
		return sealer{}, false
	}
	i := slices.IndexFunc(r.keys, func(s sealer) bool { return s.id == id })
	if i < 0 {
		return sealer{}, false
	}
	return r.keys[i], true
}

// Seal returns the envelope of a text. context names the row that it belongs
// to, as Row does.
func (r *Keyring) Seal(text []byte, context string) []byte {
	if r == nil {
		return append([]byte{inClear}, text...)
	}
	s := r.keys[0]
	head := append([]byte{sealed}, s.id[:]...)
	return s.aead.Seal(head, nil, text, additional(head, context)) //nolint:gosec // It draws the nonce itself.
}

// Open returns the text of an envelope that Seal made for the same context.
func (r *Keyring) Open(envelope []byte, context string) ([]byte, error) {
	if len(envelope) == 0 {
		return nil, ErrBroken
	}
	if envelope[0] == inClear {
		return bytes.Clone(envelope[1:]), nil
	}
	id, ok := KeyOf(envelope)
	if !ok {
		return nil, ErrBroken
	}
	s, ok := r.find(id)
	if !ok {
		return nil, fmt.Errorf("%w (its id is %s)", ErrNoKey, id)
	}
	head := envelope[:1+len(id)]
	text, err := s.aead.Open(nil, nil, envelope[len(head):], additional(head, context))
	if err != nil {
		return nil, ErrBroken
	}
	return text, nil
}

// KeyOf returns the id of the key that an envelope is sealed under; ok is
// false for one in the clear.
func KeyOf(envelope []byte) (id ID, ok bool) {
	if len(envelope) <= len(id) || envelope[0] != sealed {
		return ID{}, false
	}
	return ID(envelope[1 : 1+len(id)]), true
}

// Stale reports whether Seal would make another kind of envelope: under the
// current key instead of a former one, or of none.
func (r *Keyring) Stale(envelope []byte) bool {
	current, ok := r.Current()
	if !ok {
		return false
	}
	id, isSealed := KeyOf(envelope)
	return !isSealed || id != current
}

// Row names a row of a table as the context of what it holds.
func Row(table, id string) string { return table + "/" + id }

// additional is authenticated along with a text: the head of the envelope and
// the context.
func additional(head []byte, context string) []byte {
	return append(bytes.Clone(head), context...)
}
