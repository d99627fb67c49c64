package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

// Limits of a [Store].
const (
	Idle     = 12 * time.Hour   // A session ends when it was not used for so long.
	LinkLife = 10 * time.Minute // A one-time link ends after so long.

	maxSessions = 10_000
	maxLinks    = 1_000
	tokenBytes  = 32
)

// Hash is the SHA-256 of a token, or of an API key.
type Hash = [sha256.Size]byte

// Session is somebody who is signed in.
type Session struct {
	Key Hash // The API key whose rights the session has.
	// CSRF is what forms carry, so that no other site can post them.
	CSRF string
}

// Store keeps sessions and links. It may be used concurrently.
type Store struct {
	mu       sync.Mutex
	sessions map[Hash]*entry
	links    map[Hash]*entry
}

// entry is a session or a link, until its end.
type entry struct {
	Session
	ends time.Time
}

// New returns an empty store.
func New() *Store {
	return &Store{sessions: map[Hash]*entry{}, links: map[Hash]*entry{}}
}

// Begin signs somebody in with the rights of an API key, and returns the
// token of the session, which only the cookie holds.
func (s *Store) Begin(key Hash) (token string) {
	token = newToken()
	s.mu.Lock()
	defer s.mu.Unlock()
	room(s.sessions, maxSessions)
	s.sessions[hashOf(token)] = &entry{Session{Key: key, CSRF: newToken()}, time.Now().Add(Idle)}
	return token
}

// Find returns the session of a token, and puts its end off.
func (s *Store) Find(token string) (Session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.sessions[hashOf(token)]
	if !ok {
		return Session{}, false
	}
	now := time.Now()
	if !now.Before(e.ends) {
		delete(s.sessions, hashOf(token))
		return Session{}, false
	}
	e.ends = now.Add(Idle)
	return e.Session, true
}

// End signs somebody out.
func (s *Store) End(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, hashOf(token))
}

// Link makes a one-time link for an API key: a token, and when it ends.
func (s *Store) Link(key Hash) (token string, ends time.Time) {
	token, ends = newToken(), time.Now().Add(LinkLife)
	s.mu.Lock()
	defer s.mu.Unlock()
	room(s.links, maxLinks)
	s.links[hashOf(token)] = &entry{Session{Key: key}, ends}
	return token, ends
}

// Redeem uses a link up and returns the API key that it stands for.
func (s *Store) Redeem(token string) (Hash, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.links[hashOf(token)]
	delete(s.links, hashOf(token))
	if !ok || !time.Now().Before(e.ends) {
		return Hash{}, false
	}
	return e.Key, true
}

// room removes what has ended, and what would end next while there are most.
func room(entries map[Hash]*entry, most int) {
	if len(entries) < most {
		return
	}
	now := time.Now()
	var first Hash
	var ends time.Time
	for hash, e := range entries {
		switch {
		case !now.Before(e.ends):
			delete(entries, hash)
		case ends.IsZero() || e.ends.Before(ends):
			first, ends = hash, e.ends
		}
	}
	if len(entries) >= most {
		delete(entries, first)
	}
}

func newToken() string {
	var b [tokenBytes]byte
	rand.Read(b[:]) // Never fails since Go 1.24.
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func hashOf(token string) Hash { return sha256.Sum256([]byte(token)) }
