// Package crashtest drives the built program through many short lives, each of
// which ends with kill -9 at a random moment, and checks what docs/guarantees.md
// promises. It holds tests only.
//
// Every run draws a seed and prints it when it fails; ALMA_CRASH_SEED repeats
// its choices, though not the timing of the machine. ALMA_CRASH_LIVES sets the
// number of lives: `make crash-test` runs hundreds.
//
// A killed process leaves to the system what it wrote, so that alone would not
// show a sync that was forgotten. Some lives therefore end like a power cut:
// what the write-ahead log got after the last acknowledged change is cut off at
// a random byte, or overwritten, before the next life begins.
package crashtest
