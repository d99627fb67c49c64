package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// howToMake ends the errors about keys.
const howToMake = "make one with: openssl rand -base64 32"

// NewKey draws a key.
func NewKey() []byte {
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // Never fails.
	return key
}

// FormatKey writes a key as ParseKey reads it.
func FormatKey(key []byte) string { return base64.StdEncoding.EncodeToString(key) }

// ParseKey reads a key from Base64. White space around it is ignored.
func ParseKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, errors.New("the key is empty; " + howToMake)
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("the key is not Base64; want 32 bytes in the standard alphabet, with padding; " + howToMake)
	}
	return key, checkSize(key)
}

func checkSize(key []byte) error {
	if len(key) != KeySize {
		return fmt.Errorf("the key has %d bytes; want %d; %s", len(key), KeySize, howToMake)
	}
	return nil
}

// ID names a key without giving anything of it away. Its text is hexadecimal.
type ID [8]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// sealer is a key that is ready for use.
type sealer struct {
	id   ID
	aead cipher.AEAD
}

func newSealer(key []byte) (sealer, error) {
	if err := checkSize(key); err != nil {
		return sealer{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, errors.New("the key cannot be used; " + howToMake)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealer{}, errors.New("the key cannot be used; " + howToMake)
	}
	sum := sha256.Sum256(key)
	return sealer{id: ID(sum[:len(ID{})]), aead: aead}, nil
}
