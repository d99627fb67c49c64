package dashboard

import (
	"errors"
	"net/http"
	"strings"
)

// trouble says why the API does not answer now, for the banner. Its words are
// those of the layout and of refresh.js.
type trouble string

const (
	noTrouble trouble = ""
	noStore   trouble = "store"    // The store cannot be reached.
	stopping  trouble = "stopping" // The server is shutting down.
)

// troubleOf returns what an error tells of; none for one that has to do with
// the request.
func troubleOf(err error) trouble {
	var p *problem
	switch {
	case !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable:
		return noTrouble
	case strings.Contains(p.Detail, "shutting down"):
		return stopping
	}
	return noStore
}

// passing reports whether the same request may work a moment later.
func passing(status int) bool {
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusInsufficientStorage:
		return true
	}
	return false
}
