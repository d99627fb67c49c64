package api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/alma-events/alma"
)

const (
	anyVersion = 0 // What webhook.AnyVersion and the memory store mean by it.
	noVersion  = -1
)

// wanted returns the version that If-Match asks for: "3" (an entity tag as
// answers carry it) or a bare 3; without If-Match, the one that a patch was
// made from. anyVersion when neither says, and for *; noVersion, which nothing
// has, when it is no version at all.
func (c *call) wanted() int64 {
	text := strings.TrimSpace(c.r.Header.Get("If-Match"))
	switch text {
	case "":
		return c.madeFrom
	case "*":
		return anyVersion
	}
	if unquoted, ok := strings.CutPrefix(text, `"`); ok {
		if text, ok = strings.CutSuffix(unquoted, `"`); !ok {
			return noVersion
		}
	}
	return parseVersion(text)
}

func parseVersion(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return noVersion
	}
	return n
}

// match refuses with 412 when another version than this is wanted.
func (c *call) match(version int64) error {
	if wanted := c.wanted(); wanted != anyVersion && wanted != version {
		return newProblem(http.StatusPreconditionFailed, "the stored version is %d, and this request is for another one; read it again and repeat the change", version)
	}
	return nil
}

// stale turns a conflict of a conditional change into the 412 that it is:
// somebody was quicker between match and the change.
func (c *call) stale(err error) error {
	if errors.Is(err, alma.ErrConflict) && c.wanted() != anyVersion {
		return newProblem(http.StatusPreconditionFailed, "it was changed meanwhile; read it again and repeat the change")
	}
	return err
}

func isNotFound(err error) bool { return errors.Is(err, alma.ErrNotFound) }
