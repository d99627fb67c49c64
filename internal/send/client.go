package send

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"sync"
)

// Client is what the sender shows to listeners that ask who it is. It does not
// change; requests with the same one share connections.
type Client struct {
	certificate tls.Certificate
	key         [sha256.Size]byte // Names the pair without giving it away.
}

// NewClient reads a certificate chain and its private key, both PEM. The error
// quotes neither.
func NewClient(certificate, key string) (*Client, error) {
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		return nil, errors.New("the client certificate and its key cannot be used")
	}
	return &Client{certificate: pair, key: sha256.Sum256([]byte(certificate + "\x00" + key))}, nil
}

// maxClients bounds how many identities keep connections. Beyond it all of them
// start afresh: cheaper than keeping an order of use.
const maxClients = 1024

// clientSides holds a side for each client: a connection on which one webhook
// has said who it is must not serve another.
type clientSides struct {
	mu     sync.Mutex
	sides  map[[sha256.Size]byte]*side
	closed bool
}

func (c *clientSides) get(client *Client, made func() *side) *side {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sides[client.key]
	if s != nil {
		return s
	}
	if c.sides == nil || len(c.sides) >= maxClients {
		c.closeAll()
		c.sides = map[[sha256.Size]byte]*side{}
	}
	s = made()
	if c.closed {
		s.close() // Its connections are not kept.
	}
	c.sides[client.key] = s
	return s
}

func (c *clientSides) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.closeAll()
}

func (c *clientSides) closeAll() {
	for _, s := range c.sides {
		s.close()
	}
}
