// Package crashtest drives the built program through many short lives, each of
// which ends with kill -9 at a random moment, and checks what docs/guarantees.md
// promises. It holds tests only.
//
// After each life what it acknowledged must be there, and repeats must stay within
// the bound of the crashes so far; at the end every webhook must have got what it
// was promised, or show it as FAILED.
//
// Every run draws a seed and prints it when it fails; ALMA_CRASH_SEED repeats
// its choices, though not the timing of the machine. ALMA_CRASH_LIVES sets the
// number of lives: `make crash-test` runs hundreds.
//
// A killed process leaves to the system what it wrote, so that alone would not
// show what a power cut does. Some lives therefore end like one: what the
// write-ahead log got after the last acknowledged change is cut off at a random
// byte, or overwritten, before the next life begins. That nothing is acknowledged
// which was not synced is shown by a disk whose syncs fail, made with strace.
package crashtest
