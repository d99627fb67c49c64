package crashtest

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
)

// walEnd returns where the last commit in a write-ahead log ends, and the salt
// that its frames carry. The format is SQLite's (sqlite.org/fileformat2.html,
// section 4): a header of 32 bytes, then frames, each with a header of 24 bytes
// that holds the database's size in pages when the frame ends a commit.
func walEnd(name string) (end int64, salt uint64) {
	wal, err := os.ReadFile(name)
	if err != nil || len(wal) < 32 {
		return 0, 0
	}
	page := int64(binary.BigEndian.Uint32(wal[8:]))
	salt = binary.BigEndian.Uint64(wal[16:])
	for at := int64(32); at+24+page <= int64(len(wal)); at += 24 + page {
		if binary.BigEndian.Uint64(wal[at+8:]) != salt {
			break // Of an earlier round.
		}
		if binary.BigEndian.Uint32(wal[at+4:]) != 0 {
			end = at + 24 + page
		}
	}
	return end, salt
}

// tear makes the log look as after a power cut: what was written behind keep
// has reached the disk in part, or as garbage. It reports whether it changed
// anything.
func tear(name string, keep int64, salt uint64, rng *rand.Rand) bool {
	info, err := os.Stat(name)
	if err != nil || info.Size() <= keep {
		return false
	}
	if _, now := walEnd(name); now != salt {
		return false // The log was begun anew since.
	}
	cut := keep + rng.Int64N(info.Size()-keep)
	if rng.IntN(2) == 0 {
		return os.Truncate(name, cut) == nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return false
	}
	defer f.Close() // The write's error says enough.
	garbage := make([]byte, info.Size()-cut)
	for i := range garbage {
		garbage[i] = byte(rng.Uint32())
	}
	_, err = f.WriteAt(garbage, cut)
	return err == nil
}
