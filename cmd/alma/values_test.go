package main

import (
	"strings"
	"testing"
	"time"
)

func TestLagAlertOfTheCommandLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]lagAlert{
		"10000": {Events: 10000}, "15m": {Age: 15 * time.Minute}, "2d,5": {Events: 5, Age: 48 * time.Hour}, "5,30s": {Events: 5, Age: 30 * time.Second},
	} {
		var got lagAlert
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "x", "1,2", "1m,2m", "5,", "0s"} {
		var got lagAlert
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken as %+v", text, got)
		}
	}
}

func TestRateOfTheCommandLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]perSecond{"0": 0, "100": 100, "2.5/s": 2.5} {
		var got perSecond
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "100/m", "NaN", "Inf", "1e9", "fast"} {
		var got perSecond
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken as %v", text, got)
		}
	}
}

func TestPointsInTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2026-01-28T12:00:00Z":      time.Date(2026, 1, 28, 12, 0, 0, 0, time.UTC),
		"2026-01-28T12:00:00+01:00": time.Date(2026, 1, 28, 11, 0, 0, 0, time.UTC),
		"2026-01-28":                time.Date(2026, 1, 28, 0, 0, 0, 0, time.Local),
		"24h":                       time.Now().Add(-24 * time.Hour),
		"7d":                        time.Now().Add(-7 * 24 * time.Hour),
		"1d12h":                     time.Now().Add(-36 * time.Hour),
	} {
		var p pointInTime
		if err := p.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got, err := time.Parse(time.RFC3339, string(p))
		if err != nil || got.Sub(want).Abs() > time.Minute {
			t.Errorf("%q is read as %s, %v; want %s", text, p, err, want)
		}
	}
	for _, text := range []string{"yesterday", "3600", "28.1.2026", "2026-01-28 12:00", "-5h"} {
		var p pointInTime
		if err := p.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "24h") {
			t.Errorf("%q is read as %s, %v; want a refusal that says what is wanted", text, p, err)
		}
	}
}
