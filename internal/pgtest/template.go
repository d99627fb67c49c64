package pgtest

import (
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
)

// Template is a database that those of tests are copies of: to copy one is much
// faster than to make its tables anew.
type Template struct {
	fill func(databaseURL string) error

	mu   sync.Mutex
	name string // Empty until there is one.
	err  error
}

// NewTemplate returns a template that is filled by a function, when the first
// copy is asked for. The function leaves no connection behind.
func NewTemplate(fill func(databaseURL string) error) *Template { return &Template{fill: fill} }

// Database returns the URL of a new copy, on the server that all tests of the
// binary share. It is dropped when the test ends.
func (p *Template) Database(t testing.TB) string {
	t.Helper()
	server := sharedURL(t)
	name, err := p.made(server)
	if err != nil {
		t.Fatalf("pgtest: make the template: %v", err)
	}
	return database(t, server, name)
}

// made makes the template, once, and returns its name.
func (p *Template) made(server string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.name != "" || p.err != nil {
		return p.name, p.err
	}
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("alma_template_%d_%d", os.Getpid(), databases.Add(1))
	u.Path = "/" + name
	if p.err = create(server, name, "template0"); p.err == nil {
		shared.Lock()
		shared.templates = append(shared.templates, drop{server, name})
		shared.Unlock()
		p.err = p.fill(u.String())
	}
	if p.err == nil {
		p.name = name
	}
	return p.name, p.err
}

// drop is a database that goes when all tests are done.
type drop struct{ server, name string }

func (d drop) run() error {
	return run(d.server, "DROP DATABASE IF EXISTS "+d.name+" WITH (FORCE)")
}
