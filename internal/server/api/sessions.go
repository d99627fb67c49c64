package api

import (
	"net/http"
	"time"
)

// sessionLink is what signs a browser in once.
type sessionLink struct {
	Path      string    `json:"path" doc:"Below the address of the server; it works once."`
	ExpiresAt time.Time `json:"expires_at"`
}

// getSession says whose key it is, so that a client can show what it may do.
func (s *Server) getSession(c *call) error { return c.reply(http.StatusOK, c.key) }

// postSessionLink answers with a link that has the rights of the key which
// asked for it, no others.
func (s *Server) postSessionLink(c *call) error {
	token, ends := s.sessions.Link(c.keyHash)
	return c.reply(http.StatusCreated, sessionLink{Path: "/signin?token=" + token, ExpiresAt: ends.UTC().Truncate(time.Second)})
}

// SignInPath returns a one-time link, as a path, for the key of somebody who
// runs this server.
func (s *Server) SignInPath(key string) string {
	token, _ := s.sessions.Link([32]byte(hashKey(key)))
	return "/signin?token=" + token
}
