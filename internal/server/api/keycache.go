package api

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/alma-events/alma"
)

const (
	// keyTrust is how long a key that was found is not looked up again: as
	// long may a key work that another node removed. This node forgets at once.
	keyTrust = 5 * time.Second
	maxKeys  = 1024
)

// keyCache spares the hot path a query for each request. Its zero value is
// ready to use. Keys that are not found are not remembered.
type keyCache struct {
	mu    sync.RWMutex
	known map[[sha256.Size]byte]cachedKey
	age   uint64 // One more with each clear.
}

type cachedKey struct {
	key   alma.Key
	until time.Time
}

func (k *keyCache) get(hash [sha256.Size]byte) (alma.Key, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	c, ok := k.known[hash]
	return c.key, ok && time.Now().Before(c.until)
}

// generation must be asked for before the lookup whose result is put: so that
// a key which is removed meanwhile is not remembered.
func (k *keyCache) generation() uint64 {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.age
}

func (k *keyCache) put(hash [sha256.Size]byte, key alma.Key, generation uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if generation != k.age {
		return
	}
	if k.known == nil || len(k.known) >= maxKeys {
		k.known = map[[sha256.Size]byte]cachedKey{}
	}
	k.known[hash] = cachedKey{key: key, until: time.Now().Add(keyTrust)}
}

// clear forgets everything; keys are removed rarely.
func (k *keyCache) clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = nil
	k.age++
}
