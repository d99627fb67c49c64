package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"time"
)

// How closely waiting is looked at: one in so many contended locks, and a sample
// for so much time blocked.
const (
	mutexFraction = 100
	blockRate     = 100 * time.Microsecond
)

// startProfile begins to record what a benchmark makes the processor and the
// memory do, in files of a folder that `go tool pprof` reads: cpu, allocs, mutex
// and block; and a trace of the scheduler for `go tool trace`, of the last
// seconds. end writes them.
func startProfile(dir string) (end func() error, err error) {
	if dir == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("--profile: %w", err)
	}
	cpu, err := createProfile(dir, "cpu.pprof")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, errors.Join(err, cpu.Close())
	}
	runtime.SetMutexProfileFraction(mutexFraction)
	runtime.SetBlockProfileRate(int(blockRate))
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{})
	if err := recorder.Start(); err != nil {
		return nil, fmt.Errorf("--profile: %w", err)
	}
	return func() error {
		pprof.StopCPUProfile()
		errs := []error{cpu.Close(), writeTrace(recorder, dir)}
		for _, name := range []string{"allocs", "mutex", "block"} {
			errs = append(errs, writeProfile(dir, name))
		}
		return errors.Join(errs...)
	}, nil
}

func writeTrace(recorder *trace.FlightRecorder, dir string) error {
	f, err := createProfile(dir, "trace.out")
	if err != nil {
		return err
	}
	_, err = recorder.WriteTo(f)
	recorder.Stop()
	return errors.Join(err, f.Close())
}

func writeProfile(dir, name string) error {
	f, err := createProfile(dir, name+".pprof")
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup(name).WriteTo(f, 0), f.Close())
}

func createProfile(dir, name string) (*os.File, error) {
	f, err := os.Create(filepath.Join(dir, name)) //nolint:gosec // The folder is the operator's choice.
	if err != nil {
		return nil, fmt.Errorf("--profile: %w", err)
	}
	return f, nil
}
