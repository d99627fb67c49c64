//go:build unix

package clustertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processor is how much processor time each part of a cluster has used.
type processor struct{ postgres, nodes, tests time.Duration }

// processor reads it from /proc; where there is none it is zero, but for the
// tests' own.
func (c *cluster) processor() (p processor) {
	server := c.pg.PID()
	nodes := map[int]bool{}
	for _, n := range c.alive() {
		nodes[n.cmd.Process.Pid] = true
	}
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // The pattern is well-formed.
	for _, file := range files {
		s, ok := readStat(file)
		switch {
		case !ok:
		case s.pid == server:
			p.postgres += s.own + s.children
		case s.parent == server:
			p.postgres += s.own
		case nodes[s.pid]:
			p.nodes += s.own
		}
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err == nil {
		p.tests = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return p
}

// since returns what was used from an earlier moment on.
func (p processor) since(earlier processor) processor {
	return processor{p.postgres - earlier.postgres, p.nodes - earlier.nodes, p.tests - earlier.tests}
}

func (p processor) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
	return fmt.Sprintf("processor time: PostgreSQL %s, nodes %s, listener and clients %s", round(p.postgres), round(p.nodes), round(p.tests))
}

// processStat is what the kernel tells of a process.
type processStat struct {
	pid, parent   int
	own, children time.Duration // Of children that have ended and were waited for.
}

func readStat(file string) (s processStat, ok bool) {
	read, err := os.ReadFile(file)
	if err != nil {
		return s, false // It has ended.
	}
	text := string(read)
	// The second field, the name, may hold anything; the rest are numbers.
	pid, _, _ := strings.Cut(text, " ")
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return s, false
	}
	number := func(text string) int {
		n, _ := strconv.Atoi(text)
		return n
	}
	ticks := func(from int) time.Duration {
		return time.Duration(number(fields[from])+number(fields[from+1])) * 10 * time.Millisecond // Of 1/100 s, for users of the kernel.
	}
	return processStat{number(pid), number(fields[1]), ticks(11), ticks(13)}, true
}
