package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alma-events/alma"
)

type keyInput struct {
	Name      string    `json:"name" doc:"For people."`
	Role      alma.Role `json:"role" doc:"admin, ingest or read."`
	RateLimit float64   `json:"rate_limit,omitempty" doc:"Requests a second that the key may make at each node, 0.01 to 1000000; those that the server lets every key make if left out."`
	ProjectID string    `json:"project_id,omitempty" doc:"Binds the key to this project; a key with a project can only make keys of its own."`
}

// newKeyView is the one answer that holds a key.
type newKeyView struct {
	alma.Key
	Secret string `json:"key" doc:"The key itself, shown this once."`
}

func (s *Server) postKey(c *call) error {
	var in keyInput
	faults, err := readBody(c, &in)
	if err != nil {
		return err
	}
	project, err := c.project(in.ProjectID)
	if err != nil {
		return err
	}
	checkKey(faults, in)
	if err := faults.err(); err != nil {
		return err
	}
	secret := NewKey()
	key := alma.Key{
		ID: alma.NewKeyID(), Name: in.Name, Role: in.Role, ProjectID: project,
		RateLimit: in.RateLimit, Hash: hashKey(secret), CreatedAt: time.Now().UTC(),
	}
	if err := s.store.CreateKey(c.r.Context(), key); err != nil {
		return fmt.Errorf("alma: create key: %w", err)
	}
	c.object = key.ID
	return c.reply(http.StatusCreated, newKeyView{Key: key, Secret: secret})
}

// Bounds of a key's rate limit, in requests a second.
const (
	MinRateLimit = 0.01
	MaxRateLimit = 1_000_000
)

func checkKey(faults *faultList, in keyInput) {
	if !slices.Contains(anyRole, in.Role) {
		faults.addf("role", "want one of admin, ingest, read")
	}
	checkLabel(faults, "name", in.Name)
	if in.Name == "" {
		faults.addf("name", "missing: want a name by which people know the key")
	}
	if in.RateLimit != 0 && (in.RateLimit < MinRateLimit || in.RateLimit > MaxRateLimit) {
		faults.addf("rate_limit", "is out of range; want %v to %v requests a second, or nothing for the server's limit", MinRateLimit, MaxRateLimit)
	}
	checkLabel(faults, "project_id", in.ProjectID)
}

// checkLabel holds names to what the names in events are held to.
func checkLabel(faults *faultList, field, s string) {
	if len(s) > alma.MaxNameBytes || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		faults.addf(field, "want at most %d bytes of UTF-8 text without control characters", alma.MaxNameBytes)
	}
}

func (s *Server) listKeys(c *call) error {
	faults := c.queryFaults
	cursor := c.cursor(&faults)
	if err := c.refuseList(&faults, checkPlace); err != nil {
		return err
	}
	keys, err := s.visibleKeys(c)
	if err != nil {
		return err
	}
	page, err := pageOf(keys, cursor, func(k *alma.Key) place { return place{k.CreatedAt, k.ID} })
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, newList(page.Items, page.Next))
}

func (s *Server) visibleKeys(c *call) ([]alma.Key, error) {
	keys, err := s.store.Keys(c.r.Context())
	if err != nil {
		return nil, fmt.Errorf("alma: list keys: %w", err)
	}
	return slices.DeleteFunc(keys, func(k alma.Key) bool { return !c.sees(k.ProjectID) }), nil
}

// deleteKey takes a key's rights away at once on this node, and within a few
// seconds on others. The last key that may make keys for everything stays:
// without it nobody could get in any more.
func (s *Server) deleteKey(c *call) error {
	keys, err := s.visibleKeys(c)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(keys, func(k alma.Key) bool { return k.ID == c.id() })
	if i < 0 {
		return notFound("key")
	}
	c.concerns(keys[i].ProjectID)
	err = s.store.DeleteKey(c.r.Context(), c.id())
	s.keys.clear()
	if isNotFound(err) {
		return notFound("key")
	}
	if err != nil {
		return fmt.Errorf("alma: delete key: %w", err)
	}
	return c.noContent()
}
