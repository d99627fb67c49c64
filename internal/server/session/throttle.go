package session

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	freeTries    = 5               // Wrong tries of an address before it has to wait.
	longestWait  = 5 * time.Minute // Between two tries, however many there were.
	forgetAfter  = time.Hour       // An address that was quiet for so long begins anew.
	maxAddresses = 4096
)

// Throttle slows down who guesses at sign-in: after some wrong tries an
// address waits, each time twice as long. Addresses of one IPv6 network count
// as one. Its zero value is ready to use, also concurrently.
type Throttle struct {
	mu    sync.Mutex
	known map[netip.Prefix]*tries
}

type tries struct {
	wrong int
	last  time.Time
}

// Try begins a try of an address, and returns how long it has to wait first; 0
// when it may try now. What it gets is of the form of http.Request.RemoteAddr.
// The try counts as a wrong one from the beginning, so that of many which are
// made at once no more are let through than of those made one by one; see Right.
func (t *Throttle) Try(remote string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, network := time.Now(), networkOf(remote)
	tried, ok := t.known[network]
	if !ok {
		t.makeRoom(now)
		tried = &tries{}
		t.known[network] = tried
	}
	if now.Sub(tried.last) > forgetAfter {
		tried.wrong = 0
	}
	if wait := tried.wait() - now.Sub(tried.last); wait > 0 {
		return wait
	}
	tried.wrong, tried.last = tried.wrong+1, now
	return 0
}

// wait is how long it has to be from the last wrong try to the next.
func (t *tries) wait() time.Duration {
	over := t.wrong - freeTries
	switch {
	case over < 0:
		return 0
	case over > 8: // 2^9 s is over the longest wait.
		return longestWait
	}
	return min(longestWait, time.Second<<over)
}

// Right takes back what a try was counted as that was not wrong. The wrong ones
// before it stay: else whoever has any key could guess at others without end.
func (t *Throttle) Right(remote string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	network := networkOf(remote)
	if tried, ok := t.known[network]; ok {
		if tried.wrong--; tried.wrong <= 0 {
			delete(t.known, network)
		}
	}
}

// makeRoom forgets who was quiet for long, or, while there are too many, who
// was quiet for the longest.
func (t *Throttle) makeRoom(now time.Time) {
	if t.known == nil {
		t.known = map[netip.Prefix]*tries{}
	}
	if len(t.known) < maxAddresses {
		return
	}
	var oldest netip.Prefix
	var since time.Time
	for network, tried := range t.known {
		switch {
		case now.Sub(tried.last) > forgetAfter:
			delete(t.known, network)
		case since.IsZero() || tried.last.Before(since):
			oldest, since = network, tried.last
		}
	}
	if len(t.known) >= maxAddresses {
		delete(t.known, oldest)
	}
}

// networkOf returns what an address counts as: itself, or its IPv6 network.
func networkOf(remote string) netip.Prefix {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	network, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
