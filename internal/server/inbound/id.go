package inbound

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// deriveID returns the id of an event whose sender gave it none: the same for
// the same bytes from the same source. i counts the events of one body.
func deriveID(source string, body []byte, i int) string {
	sum := sha256.New()
	sum.Write([]byte(source + "\n")) // No name holds a line break.
	sum.Write(body)
	id := "in_" + hex.EncodeToString(sum.Sum(nil))
	if i > 0 {
		id += "_" + strconv.Itoa(i)
	}
	return id
}
