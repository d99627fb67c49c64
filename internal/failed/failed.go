// Package failed holds what every driver does when it counts failed deliveries
// by webhook and reason; how rows are counted is the driver's own.
package failed

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/alma-events/alma"
)

// perPage bounds the work for a page of groups, in webhooks of which as many
// deliveries are looked at as may be: the rest is left to the next page.
const perPage = 4

// Group is a group within a store, where P is a place in the log.
type Group[P any] struct {
	Webhook        int64
	Reason         string
	Count          int64
	Oldest, Newest P
	Matched        bool // Else it holds what the query does not ask for.
	AtLeast        bool
}

// Bound marks the groups of one webhook when it has more than are counted, takes
// the one too many out, and returns how many there were.
func Bound[P any](groups []Group[P], most int64, before func(a, b P) bool) (looked int64) {
	first := 0
	for i := range groups {
		looked += groups[i].Count
		if before(groups[i].Oldest, groups[first].Oldest) {
			first = i
		}
	}
	if looked <= most {
		return looked
	}
	groups[first].Count--
	for i := range groups {
		groups[i].AtLeast = true
	}
	return looked
}

// Finder gathers the groups of a page. The driver goes through the webhooks, the
// last one first, until it is Done.
type Finder[P any] struct {
	Query alma.FailedQuery
	At    Place // What comes next.
	Ended bool  // There are no more webhooks.

	looked int64
	found  []Group[P]
}

// New returns a finder of the page that a query asks for.
func New[P any](q alma.FailedQuery) (Finder[P], error) {
	at, err := parsePlace(q.After)
	return Finder[P]{Query: q, At: at}, err
}

// Done reports whether the page is full, has cost enough, or is the last.
func (f *Finder[P]) Done() bool {
	return f.Ended || len(f.found) > f.Query.Size() || f.looked >= perPage*int64(f.Query.Counted())
}

// Add takes the groups of the next webhooks, the last of which has this number,
// and how many deliveries were looked at for them.
func (f *Finder[P]) Add(groups []Group[P], last, looked int64) {
	for _, g := range groups {
		if g.Matched && g.Count > 0 && !f.At.passed(g.Webhook, g.Reason) {
			f.found = append(f.found, g)
		}
	}
	f.looked += looked
	f.At = Place{Webhook: last - 1}
}

// Cut cuts what was found beyond the page, and returns the cursor of the page
// after it; empty on the last.
func (f *Finder[P]) Cut() (next string) {
	if size := f.Query.Size(); len(f.found) > size {
		f.found = f.found[:size]
		last := f.found[size-1]
		return Place{Webhook: last.Webhook, Reason: last.Reason, behind: true}.token()
	}
	if f.Ended {
		return ""
	}
	return f.At.token()
}

// Ends calls f for the newest and for the oldest delivery of each group, in this
// order.
func (f *Finder[P]) Ends(each func(webhook int64, at P)) {
	for i := range f.found {
		each(f.found[i].Webhook, f.found[i].Newest)
		each(f.found[i].Webhook, f.found[i].Oldest)
	}
}

// Tell makes the page of the deliveries that Ends named.
func (f *Finder[P]) Tell(list []alma.Delivery) ([]alma.FailedGroup, error) {
	if len(list) != 2*len(f.found) {
		return nil, fmt.Errorf("%d deliveries were read for %d groups", len(list), len(f.found))
	}
	out := make([]alma.FailedGroup, len(f.found))
	for i := range f.found {
		g, newest := &f.found[i], list[2*i]
		out[i] = alma.FailedGroup{
			WebhookID: newest.WebhookID, Reason: alma.Reason(g.Reason), Count: g.Count, AtLeast: g.AtLeast,
			Oldest: list[2*i+1].CreatedAt, Newest: newest.CreatedAt, Example: newest,
		}
	}
	return out, nil
}

// Place is where a page of groups begins: with all that a webhook has, or behind
// one of its reasons.
type Place struct {
	Webhook int64
	Reason  string
	behind  bool
}

func (p Place) passed(webhook int64, reason string) bool {
	return p.behind && p.Webhook == webhook && reason <= p.Reason
}

func (p Place) token() string {
	if !p.behind {
		return strconv.FormatInt(p.Webhook, 36)
	}
	return strconv.FormatInt(p.Webhook, 36) + "." + p.Reason
}

func parsePlace(token string) (Place, error) {
	if token == "" {
		return Place{Webhook: math.MaxInt64}, nil
	}
	number, reason, behind := strings.Cut(token, ".")
	webhook, err := strconv.ParseInt(number, 36, 64)
	if err != nil {
		var f alma.Faults
		f.Addf("after", "is no cursor of this listing: want the value of next of the page before")
		return Place{}, f.Err()
	}
	return Place{Webhook: webhook, Reason: reason, behind: behind}, nil
}
