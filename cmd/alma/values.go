package main

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/alma-events/alma/internal/server/api"
	"github.com/alma-events/alma/webhook"
)

// span is a duration as people write it: 1m30s, or a bare number of seconds, as
// the API takes it.
type span time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *span) UnmarshalText(text []byte) error {
	if n, err := strconv.ParseFloat(string(text), 64); err == nil && math.Abs(n) < math.MaxInt64/float64(time.Second) {
		*s = span(n * float64(time.Second))
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration: want one like 500ms, 30s or 1h30m, or a number of seconds", text)
	}
	*s = span(d)
	return nil
}

// network is a range of addresses, or a single one.
type network struct{ netip.Prefix }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *network) UnmarshalText(text []byte) error {
	if addr, err := netip.ParseAddr(string(text)); err == nil {
		n.Prefix = netip.PrefixFrom(addr, addr.BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("%q is no range of addresses: want one like 127.0.0.0/8, or a single address", text)
	}
	n.Prefix = prefix
	return nil
}

func prefixes(list []network) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, n := range list {
		out[i] = n.Prefix
	}
	return out
}

// hostPort is an address to listen on.
type hostPort string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *hostPort) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is no address to listen on: want HOST:PORT as in 127.0.0.1:2562, or :2562 for every network of this machine", text)
	}
	*h = hostPort(text)
	return nil
}

// checkDB refuses what names no database. It repeats nothing: a URL may hold a
// password.
func checkDB(name string) error {
	switch {
	case name == "":
		return usagef("--db (ALMA_DB) is empty; want the name of an SQLite file, such as alma.db, or the URL of a PostgreSQL database, postgres://…")
	case strings.Contains(name, "://") && !isPostgres(name):
		return usagef("--db (ALMA_DB) is a URL of an unknown kind; want the name of an SQLite file, such as alma.db, or postgres://user:password@host:5432/database")
	case meansPostgres(name):
		return usagef("--db (ALMA_DB) looks like a PostgreSQL database, but is not its URL; want postgres://user:password@host:5432/database (for an SQLite file of such a name, put ./ before it)")
	case strings.EqualFold(name, "sqlite") || strings.EqualFold(name, "sqlite3") || strings.HasPrefix(strings.ToLower(name), "sqlite:"):
		return usagef("--db (ALMA_DB) names a kind of database; want the name of the SQLite file, such as alma.db (for a file of such a name, put ./ before it)")
	}
	return nil
}

// meansPostgres reports whether a name that is no URL was most likely meant for
// a PostgreSQL database: its kind alone, a URL without its slashes, or settings
// as psql takes them. As a file it would be made, empty, and nobody would notice.
func meansPostgres(name string) bool {
	if isPostgres(name) {
		return false
	}
	lower := strings.ToLower(name)
	for _, kind := range []string{"postgres", "postgresql", "pg", "psql"} {
		if lower == kind || strings.HasPrefix(lower, kind+":") || strings.HasPrefix(lower, kind+"@") {
			return true
		}
	}
	return strings.Contains(lower, "host=") || strings.Contains(lower, "dbname=")
}

// checkSecret refuses an empty secret: most likely the variable that should
// hold it is not set, and nothing would be verified.
func checkSecret(secret *string) error {
	if secret != nil && *secret == "" {
		return usagef("the secret (--secret or ALMA_SECRET) is empty; is the variable that should hold it set?")
	}
	return nil
}

// perSecond is a rate: 100, or 100/s.
type perSecond float64

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *perSecond) UnmarshalText(text []byte) error {
	n, err := strconv.ParseFloat(strings.TrimSuffix(string(text), "/s"), 64)
	if err != nil || n != 0 && !(n >= api.MinRateLimit && n <= api.MaxRateLimit) {
		return fmt.Errorf("%q is no rate: want %v to %d requests a second, such as 100 or 100/s, or 0 for no limit", text, api.MinRateLimit, api.MaxRateLimit)
	}
	*p = perSecond(n)
	return nil
}

// lagAlert is a number of events, an age, or both: 10000,15m.
type lagAlert webhook.LagAlert

// UnmarshalText implements [encoding.TextUnmarshaler].
func (l *lagAlert) UnmarshalText(text []byte) error {
	*l = lagAlert{}
	for part := range strings.SplitSeq(string(text), ",") {
		var a age
		n, err := strconv.ParseInt(part, 10, 64)
		switch {
		case err == nil && n > 0 && l.Events == 0:
			l.Events = n
		case err != nil && a.UnmarshalText([]byte(part)) == nil && a > 0 && l.Age == 0:
			l.Age = time.Duration(a)
		default:
			return fmt.Errorf("%q is no limit of lag: want a number of events, an age like 15m, or both: 10000,15m", text)
		}
	}
	return nil
}
