package api

import (
	"fmt"
	"sync"
	"time"
)

const (
	// standingKept is how long it is told again how the webhooks do, at least.
	standingKept = time.Second
	// maxStandings bounds the projects that are remembered.
	maxStandings = 1000
)

// standings remember for a moment how the webhooks of each project do: many who
// look at the same time share one look. Its zero value is ready to use.
type standings struct {
	mu    sync.Mutex
	known map[string]*sharedStanding
}

// sharedStanding is one look at the webhooks of a project.
type sharedStanding struct {
	turn  chan struct{} // Held by who looks, or reads what was seen.
	until time.Time
	seen  standing
}

// of returns how the webhooks do that the key of a call may see. Who comes while
// another looks waits for that; when it fails, the next one looks.
func (s *standings) of(c *call, look func(*call) (standing, error)) (standing, error) {
	shared := s.entry(c.key.ProjectID)
	select {
	case shared.turn <- struct{}{}:
	case <-c.r.Context().Done():
		return standing{}, fmt.Errorf("alma: statistics: %w", c.r.Context().Err())
	}
	defer func() { <-shared.turn }()
	began := time.Now()
	if began.Before(shared.until) {
		return shared.seen, nil
	}
	seen, err := look(c)
	if err != nil {
		return standing{}, err
	}
	// What takes long to see is not looked at all the time.
	shared.seen, shared.until = seen, time.Now().Add(max(standingKept, 4*time.Since(began)))
	return seen, nil
}

func (s *standings) entry(project string) *sharedStanding {
	s.mu.Lock()
	defer s.mu.Unlock()
	if shared := s.known[project]; shared != nil {
		return shared
	}
	if s.known == nil || len(s.known) >= maxStandings {
		s.known = map[string]*sharedStanding{}
	}
	shared := &sharedStanding{turn: make(chan struct{}, 1)}
	s.known[project] = shared
	return shared
}
