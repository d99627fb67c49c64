package api

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// place is where something stands in a listing that is kept in memory: oldest
// first, ids deciding between equals. It does not move, so that rows which
// come and go between two pages neither repeat nor hide others.
type place struct {
	at time.Time
	id string
}

func (p place) compare(q place) int { return cmp.Or(p.at.Compare(q.at), cmp.Compare(p.id, q.id)) }

// token is the place as a cursor.
func (p place) token() string { return strconv.FormatInt(p.at.UnixNano(), 36) + "." + p.id }

func parsePlace(token string) (place, bool) {
	at, id, ok := strings.Cut(token, ".")
	nanos, err := strconv.ParseInt(at, 36, 64)
	return place{time.Unix(0, nanos), id}, ok && err == nil
}

// checkPlace says what is wrong with the cursor of such a listing.
func checkPlace(cursor alma.Cursor) error {
	if _, ok := parsePlace(cursor.After); !ok {
		return fault(paramAfter.name, "is no cursor of this listing: want the value of next of the page before")
	}
	return nil
}

// pageOf cuts a page out of a whole listing.
func pageOf[T any](all []T, cursor alma.Cursor, where func(*T) place) (alma.Page[T], error) {
	slices.SortFunc(all, func(a, b T) int { return where(&a).compare(where(&b)) })
	from := 0
	if cursor.After != "" {
		if err := checkPlace(cursor); err != nil {
			return alma.Page[T]{}, err
		}
		after, _ := parsePlace(cursor.After)
		from = len(all)
		if i := slices.IndexFunc(all, func(item T) bool { return where(&item).compare(after) > 0 }); i >= 0 {
			from = i
		}
	}
	page := alma.Page[T]{Items: all[from:]}
	if len(page.Items) > cursor.Size() {
		page.Items = page.Items[:cursor.Size()]
		page.Next = where(&page.Items[len(page.Items)-1]).token()
	}
	return page, nil
}
