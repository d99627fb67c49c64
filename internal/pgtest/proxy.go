package pgtest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Proxy stands between clients and a server, and can lose an answer of the
// server: the client then does not know whether its transaction committed,
// while the test knows that it did.
type Proxy struct {
	listener net.Listener
	server   string // Its address.
	database *url.URL
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
	text   string // Whose answer is lost next; empty for none.
	lost   chan struct{}
}

// NewProxy returns a proxy for the server of a database, until the test ends.
// It knows connections without TLS.
func NewProxy(t testing.TB, databaseURL string) *Proxy {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal("pgtest: the proxy's database has no URL")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, server: u.Host, database: u, conns: map[net.Conn]struct{}{}}
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// URL returns the address of the database by way of the proxy.
func (p *Proxy) URL() string {
	u := *p.database
	u.Host = p.listener.Addr().String()
	return u.String()
}

// LoseAnswer loses the answer to the next batch that runs a statement with this
// text: the server gets the whole batch and ends it, and then the connection is
// cut. The channel is closed when that has happened.
func (p *Proxy) LoseAnswer(text string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.lost = text, make(chan struct{})
	return p.lost
}

// claim reports whether the answer to a statement is to be lost, once.
func (p *Proxy) claim(statement string) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.text == "" || !strings.Contains(statement, p.text) {
		return nil
	}
	p.text = ""
	return p.lost
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.listener.Close()
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// keep notes a connection, to be closed with the proxy.
func (p *Proxy) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = struct{}{}
	if p.closed {
		c.Close()
	}
}

func (p *Proxy) drop(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.keep(client)
		p.running.Go(func() { p.serve(client) })
	}
}

// serve passes on what comes on a connection, until one side closes it.
func (p *Proxy) serve(client net.Conn) {
	defer p.drop(client)
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	p.keep(server)
	defer p.drop(server)
	w := &wire{proxy: p, client: client, server: server, statements: map[string]string{}}
	var answers sync.WaitGroup
	answers.Go(func() {
		defer client.Close()
		defer server.Close()
		w.answers()
	})
	w.requests()
	client.Close()
	server.Close()
	answers.Wait()
}

// wire is a connection through the proxy.
type wire struct {
	proxy          *Proxy
	client, server net.Conn
	statements     map[string]string // Prepared ones, by name.

	mu   sync.Mutex
	lost chan struct{} // Closed when the answer to the present batch is lost; nil while answers are passed on.
}

// requests passes on what the client says.
func (w *wire) requests() {
	in := bufio.NewReader(w.client)
	first, err := message(in, 0) // Without a type: the start of a session, or a cancel.
	if err == nil {
		_, err = w.server.Write(first)
	}
	for err == nil {
		var m []byte
		if m, err = message(in, 1); err == nil {
			w.watch(m)
			_, err = w.server.Write(m)
		}
	}
}

// watch looks whether a message runs the statement whose answer is to be lost.
func (w *wire) watch(m []byte) {
	fields := bytes.SplitN(m[5:], []byte{0}, 3)
	statement := ""
	switch m[0] {
	case 'P': // Parse: name, text.
		w.statements[string(fields[0])] = string(fields[1])
	case 'B': // Bind: portal, name.
		statement = w.statements[string(fields[1])]
	case 'Q': // Query: text.
		statement = string(fields[0])
	}
	if lost := w.proxy.claim(statement); lost != nil {
		w.mu.Lock()
		w.lost = lost
		w.mu.Unlock()
	}
}

// answers passes on what the server says, until an answer is to be lost and has
// come.
func (w *wire) answers() {
	in := bufio.NewReader(w.server)
	for {
		m, err := message(in, 1)
		if err != nil {
			return
		}
		w.mu.Lock()
		lost := w.lost
		w.mu.Unlock()
		switch {
		case lost == nil:
			if _, err := w.client.Write(m); err != nil {
				return
			}
		case m[0] == 'Z': // Ready for the next: this batch has ended.
			close(lost)
			return
		}
	}
}

// message reads one message: its type, where it has one, its length, the rest.
func message(r io.Reader, typed int) ([]byte, error) {
	head := make([]byte, typed+4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	m := make([]byte, typed+int(binary.BigEndian.Uint32(head[typed:])))
	copy(m, head)
	_, err := io.ReadFull(r, m[len(head):])
	return m, err
}
