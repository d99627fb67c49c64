package webhook

import (
	"context"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/lane"
)

// Bounds of what is asked for at once of lanes that resume: webhooks, and
// deliveries that wait.
const (
	stoodLanes   = 500
	stoodWaiting = 20_000
)

// stoodAt returns what each lane begins with that has a record: its pending
// deliveries and unfinished replays, where there are any. A node that takes
// thousands of webhooks over has no time to ask for each.
func (m *Manager) stoodAt(ctx context.Context, records []alma.LaneRecord) (map[string]lane.Config, error) {
	configs := make(map[string]lane.Config, len(records))
	for i := range records {
		configs[records[i].WebhookID] = lane.Config{Record: &records[i]}
	}
	waiting := func(r *alma.LaneRecord) int { return r.Waiting }
	for _, ids := range chunks(records, waiting) {
		list, err := m.store.Waiting(ctx, ids...)
		if err != nil {
			return nil, fmt.Errorf("read the waiting deliveries of %s and %d others: %w", ids[0], len(ids)-1, err)
		}
		for _, e := range list {
			lc := configs[e.WebhookID]
			lc.Waiting = append(lc.Waiting, e)
			configs[e.WebhookID] = lc
		}
	}
	replays := func(r *alma.LaneRecord) int { return r.Replays }
	for _, ids := range chunks(records, replays) {
		list, err := m.store.UnfinishedReplays(ctx, ids...)
		if err != nil {
			return nil, fmt.Errorf("read the replays of %s and %d others: %w", ids[0], len(ids)-1, err)
		}
		for _, r := range list {
			lc := configs[r.WebhookID]
			lc.Replays = append(lc.Replays, r)
			configs[r.WebhookID] = lc
		}
	}
	return configs, nil
}

// chunks puts the webhooks that have something into groups to ask for at once.
func chunks(records []alma.LaneRecord, has func(*alma.LaneRecord) int) (groups [][]string) {
	var group []string
	sum := 0
	for i := range records {
		n := has(&records[i])
		if n == 0 {
			continue
		}
		if len(group) == stoodLanes || sum+n > stoodWaiting && len(group) > 0 {
			groups, group, sum = append(groups, group), nil, 0
		}
		group, sum = append(group, records[i].WebhookID), sum+n
	}
	if len(group) > 0 {
		groups = append(groups, group)
	}
	return groups
}
