package api

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/alma-events/alma"
)

// maxKeyBytes bounds what is hashed for a stranger.
const maxKeyBytes = 512

// authorize finds out whose key a request carries and whether its role may
// make the call. Nothing else of the request has been looked at before.
func (s *Server) authorize(c *call) error {
	token, ok := bearer(c.r.Header.Get("Authorization"))
	if !ok {
		return newProblem(http.StatusUnauthorized, `this call needs an API key: want the header "Authorization: Bearer <key>"`).
			with("WWW-Authenticate", `Bearer realm="alma"`)
	}
	key, err := s.findKey(c, token)
	if errors.Is(err, alma.ErrNotFound) {
		return newProblem(http.StatusUnauthorized, "this API key is unknown; it may have been removed").
			with("WWW-Authenticate", `Bearer realm="alma", error="invalid_token"`)
	}
	if err != nil {
		return err
	}
	c.key = key
	if err := s.use(c); err != nil {
		return err
	}
	if !slices.Contains(c.op.roles, key.Role) {
		return newProblem(http.StatusForbidden, "a key of the role %s may not make this call; it takes %s", key.Role, roleNames(c.op.roles))
	}
	return nil
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
func (s *Server) findKey(c *call, token string) (alma.Key, error) {
	if len(token) > maxKeyBytes {
		return alma.Key{}, alma.ErrNotFound
	}
	hash := sha256.Sum256([]byte(token))
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
