package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/alma-events/alma/webhook"
)

// keeping says how long what is kept.
type keeping struct {
	KeepEvents     age `name:"keep-events" help:"Remove events that are older and that nobody needs any more; 0 keeps them for ever." default:"30d" env:"ALMA_KEEP_EVENTS"`
	KeepAttempts   age `name:"keep-attempts" help:"Remove attempts that are older; 0 keeps them as long as their events." default:"7d" env:"ALMA_KEEP_ATTEMPTS"`
	KeepDeliveries age `name:"keep-deliveries" help:"Remove failed and suppressed deliveries of older events; 0 keeps them as long as their events." default:"30d" env:"ALMA_KEEP_DELIVERIES"`
	KeepAudit      age `name:"keep-audit" help:"Remove entries of the audit log that are older; 0 keeps them for ever." default:"400d" env:"ALMA_KEEP_AUDIT"`
	MaxLag         age `name:"max-lag" help:"Give up events for a webhook that is further behind; they count as lost, and are announced. 0 sets no limit." default:"0" env:"ALMA_MAX_LAG"`
}

// retention returns the settings for the engine, where zero means the default.
func (k *keeping) retention() webhook.Retention {
	forever := func(a age) time.Duration {
		if a == 0 {
			return webhook.KeepForever
		}
		return time.Duration(a)
	}
	return webhook.Retention{
		Events: forever(k.KeepEvents), Attempts: forever(k.KeepAttempts), Deliveries: forever(k.KeepDeliveries), Audit: forever(k.KeepAudit), MaxLag: time.Duration(k.MaxLag),
	}
}

// age is a duration that may be told in days: 30d, 1d12h, 90m; a bare number
// is in seconds, as everywhere.
type age time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (a *age) UnmarshalText(text []byte) error {
	days, rest, found := strings.Cut(string(text), "d")
	var whole time.Duration
	if found {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return badAge(text)
		}
		whole = time.Duration(n) * 24 * time.Hour
	} else {
		rest = days
	}
	var s span
	if rest != "" || !found {
		if err := s.UnmarshalText([]byte(rest)); err != nil {
			return badAge(text)
		}
	}
	if *a = age(whole) + age(s); s < 0 || *a < 0 {
		return badAge(text)
	}
	return nil
}

func badAge(text []byte) error {
	return fmt.Errorf("%q is no age: want one like 30d, 12h or 1d12h, or 0", text)
}
