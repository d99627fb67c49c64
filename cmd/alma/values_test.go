package main

import (
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
