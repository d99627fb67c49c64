package main

import (
	"fmt"
	"strings"
	"time"
)

// pointInTime is a time as people give it: 2026-01-28T12:00:00Z, the day alone (in local time, as times are printed), or
// how long ago it was, as in 24h or 7d. It is kept as the API takes it; empty
// for none.
type pointInTime string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (m *pointInTime) UnmarshalText(text []byte) error {
	s := string(text)
	if _, err := time.Parse(time.RFC3339, s); err == nil || s == "" {
		*m = pointInTime(s)
		return nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, s, time.Local); err == nil {
		*m = pointInTime(day.Format(time.RFC3339))
		return nil
	}
	var ago age
	if strings.ContainsAny(s, "dhms") && ago.UnmarshalText(text) == nil {
		*m = pointInTime(time.Now().Add(-time.Duration(ago)).UTC().Format(time.RFC3339Nano))
		return nil
	}
	return fmt.Errorf("%q is no time: want one like 2026-01-28T12:00:00Z, 2026-01-28, or an age like 24h or 7d", text)
}
