package mail

import "sync"

// ledger remembers who has got a mail that others have not, or can never get
// it, so that a repeat goes to the others only. It forgets when the program
// ends: then the Message-ID lets mailboxes drop repeats.
type ledger struct {
	mu   sync.Mutex
	done map[string]map[string]bool // Addresses, by the mail.
}

// maxLedger bounds the mails that are remembered: repeats may be made elsewhere,
// or never.
const maxLedger = 1000

func newLedger() *ledger { return &ledger{done: map[string]map[string]bool{}} }

func (l *ledger) has(key, to string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done[key][to]
}

// any reports whether somebody is noted.
func (l *ledger) any(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.done[key]) > 0
}

func (l *ledger) note(key, to string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done[key] == nil {
		if len(l.done) >= maxLedger {
			clear(l.done)
		}
		l.done[key] = map[string]bool{}
	}
	l.done[key][to] = true
}

func (l *ledger) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.done, key)
}
