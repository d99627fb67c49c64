package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/wire"
)

// attempts shows in what an attempt differs from the one before it of the same
// delivery: headers change, the body must not.
type attempts struct {
	next http.Handler
	out  io.Writer

	mu   sync.Mutex
	last map[string]seenAttempt
	keys []string // The oldest first.
}

type seenAttempt struct {
	at     time.Time
	header map[string]string
	body   [sha256.Size]byte
}

// rememberedAttempts bounds the deliveries that are remembered.
const rememberedAttempts = 1000

// ServeHTTP implements [http.Handler].
func (a *attempts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		a.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, receive.DefaultMaxBody+1))
	if err != nil {
		http.Error(w, "the body broke off", http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	a.mu.Lock() // So that what belongs together is printed together.
	defer a.mu.Unlock()
	now := seenAttempt{at: time.Now(), header: flatten(r.Header), body: sha256.Sum256(body)}
	a.next.ServeHTTP(w, r)
	if before, again := a.remember(deliveryOf(r, now.body), now); again {
		before.print(a.out, &now)
	}
}

// deliveryOf names the delivery that an attempt is of: as its format does, or
// else by its body.
func deliveryOf(r *http.Request, body [sha256.Size]byte) string {
	for _, name := range []string{wire.HeaderDelivery, wire.HeaderWebhookID} {
		if id := r.Header.Get(name); id != "" {
			return name + " " + id
		}
	}
	return string(body[:])
}

func (a *attempts) remember(key string, now seenAttempt) (before seenAttempt, again bool) {
	if a.last == nil {
		a.last = map[string]seenAttempt{}
	}
	before, again = a.last[key]
	a.last[key] = now
	if again {
		return before, true
	}
	if a.keys = append(a.keys, key); len(a.keys) > rememberedAttempts {
		delete(a.last, a.keys[0])
		a.keys = slices.Delete(a.keys, 0, 1)
	}
	return before, false
}

func flatten(h http.Header) map[string]string {
	flat := make(map[string]string, len(h))
	for name, values := range h {
		flat[name] = strings.Join(values, ", ")
	}
	return flat
}

// print prints what has changed since b.
func (b *seenAttempt) print(out io.Writer, now *seenAttempt) {
	verdict := "the same body"
	if b.body != now.body {
		verdict = style(out, red, "ANOTHER BODY")
	}
	fmt.Fprintf(out, "  %s after the last attempt, %s; headers:\n", now.at.Sub(b.at).Round(time.Millisecond), verdict)
	names := maps.Clone(b.header)
	maps.Copy(names, now.header)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, is := b.header[name], now.header[name]
		if was == is {
			continue
		}
		if was != "" {
			fmt.Fprintln(out, style(out, red, "  - "+name+": "+visible(was)))
		}
		if is != "" {
			fmt.Fprintln(out, style(out, green, "  + "+name+": "+visible(is)))
		}
	}
}
