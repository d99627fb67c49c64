package api

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/session"
)

// maxKeyBytes bounds what is hashed for a stranger.
const maxKeyBytes = 512

// authorize finds out whose key a request carries and whether its role may
// make the call. Nothing else of the request has been looked at before.
func (s *Server) authorize(c *call) error {
	hash, err := s.credential(c)
	if err != nil {
		return err
	}
	key, err := s.findKey(c, hash)
	if errors.Is(err, alma.ErrNotFound) {
		return s.wrongKey(c)
	}
	if err != nil {
		return err
	}
	c.key, c.keyHash = key, hash
	if err := s.use(c); err != nil {
		return err
	}
	if !slices.Contains(c.op.roles, key.Role) {
		return newProblem(http.StatusForbidden, "a key of the role %s may not make this call; it takes %s", key.Role, roleNames(c.op.roles))
	}
	return nil
}

// credential returns the hash of the key that a request stands for: the one
// that it carries, else the one of the dashboard's session that its cookie
// names. A browser sends cookies for whoever asks it to, so with a cookie the
// request must come from a page of this server.
func (s *Server) credential(c *call) (session.Hash, error) {
	if token, ok := bearer(c.r.Header.Get("Authorization")); ok {
		if len(token) > maxKeyBytes {
			token = "" // Nobody's.
		}
		return sha256.Sum256([]byte(token)), nil
	}
	token := session.Token(c.r)
	if token == "" || c.r.Header.Get("Authorization") != "" {
		return session.Hash{}, newProblem(http.StatusUnauthorized, `this call needs an API key: want the header "Authorization: Bearer <key>"`).
			with("WWW-Authenticate", `Bearer realm="alma"`)
	}
	if !session.SameOrigin(c.r) {
		return session.Hash{}, newProblem(http.StatusForbidden, "a request of another site may not use the session of the dashboard; send an API key")
	}
	signedIn, ok := s.sessions.Find(token)
	if !ok {
		return session.Hash{}, newProblem(http.StatusUnauthorized, "the session has ended; sign in again, or send an API key").
			with("WWW-Authenticate", `Bearer realm="alma"`)
	}
	return signedIn.Key, nil
}

// bearer reads the token of an Authorization header (RFC 6750).
func bearer(header string) (string, bool) {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// findKey looks a key up by its hash. How long that takes tells a guesser
// nothing: what is compared is not the key, and a hash cannot be approached
// character by character.
func (s *Server) findKey(c *call, hash session.Hash) (alma.Key, error) {
	if key, ok := s.keys.get(hash); ok {
		return key, nil
	}
	generation := s.keys.generation()
	key, err := s.store.FindKey(c.r.Context(), hash[:])
	if err != nil {
		return alma.Key{}, fmt.Errorf("alma: look the API key up: %w", err)
	}
	s.keys.put(hash, key, generation)
	return key, nil
}

func roleNames(roles []alma.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, " or ")
}
