package sqlite

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/alma-events/alma"
)

// FailedGroups counts failed deliveries by webhook and reason; see
// [alma.DeliveryStore]. Each webhook is counted in a read of its own.
func (s *Store) FailedGroups(ctx context.Context, q alma.FailedQuery) (alma.Page[alma.FailedGroup], error) {
	const operation = "count failed deliveries"
	f := failedFinder{query: q, named: len(q.WebhookIDs) > 0}
	var err error
	if f.at, err = parseFailedPlace(q.After); err != nil {
		return alma.Page[alma.FailedGroup]{}, wrap(operation, err)
	}
	for _, id := range q.WebhookIDs {
		if ref, ok := s.webhooks.get(id); ok {
			f.take(ref.number)
		}
	}
	slices.SortFunc(f.webhooks, func(a, b int64) int { return cmp.Compare(b, a) })
	err = s.read(ctx, operation, func(ctx context.Context, st *statements) (err error) {
		f.span, err = timeSpan(ctx, st, q.Since, q.Until)
		return err
	})
	for err == nil && !f.done() {
		err = s.read(ctx, operation, f.step)
	}
	if err != nil {
		return alma.Page[alma.FailedGroup]{}, err
	}
	page := alma.Page[alma.FailedGroup]{Next: f.next()}
	err = s.read(ctx, operation, func(ctx context.Context, st *statements) (err error) {
		page.Items, err = f.show(ctx, st)
		return err
	})
	return page, err
}

// show reads what is told of the groups: the newest delivery of each, and when
// the oldest was appended.
func (f *failedFinder) show(ctx context.Context, q *statements) ([]alma.FailedGroup, error) {
	rows := make([]deliveryRow, 0, 2*len(f.found))
	for _, g := range f.found {
		rows = append(rows, deliveryRow{g.newest, g.webhook}, deliveryRow{g.oldest, g.webhook})
	}
	list, err := readDeliveries(ctx, q, rows)
	if err != nil || len(list) != len(rows) {
		return nil, err
	}
	out := make([]alma.FailedGroup, len(f.found))
	for i, g := range f.found {
		newest := list[2*i]
		out[i] = alma.FailedGroup{
			WebhookID: newest.WebhookID, Reason: alma.Reason(g.reason), Count: g.count, AtLeast: g.atLeast,
			Oldest: list[2*i+1].CreatedAt, Newest: newest.CreatedAt, Example: newest,
		}
	}
	return out, nil
}

// failedPlace is where a page of groups begins: behind a reason of a webhook, or
// with all that the webhook has.
type failedPlace struct {
	webhook int64
	behind  bool
	reason  string
}

func (p failedPlace) token() string {
	if !p.behind {
		return strconv.FormatInt(p.webhook, 36)
	}
	return strconv.FormatInt(p.webhook, 36) + "." + p.reason
}

func parseFailedPlace(token string) (failedPlace, error) {
	if token == "" {
		return failedPlace{webhook: math.MaxInt64}, nil
	}
	number, reason, behind := strings.Cut(token, ".")
	p := failedPlace{behind: behind, reason: reason}
	var err error
	if p.webhook, err = strconv.ParseInt(number, 36, 64); err != nil {
		var f alma.Faults
		f.Addf("after", "is no cursor of this listing: want the value of next of the page before")
		return failedPlace{}, f.Err()
	}
	return p, nil
}
