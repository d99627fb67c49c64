package sqlite

import (
	"context"
	"database/sql"

	"github.com/alma-events/alma"
)

// attempts looks at the attempts of old events, some in each step. Those that
// stay (those of a replay, say) are met once a round.
func (p *pruning) attempts() {
	if p.limits.attempts <= 0 {
		return
	}
	seen := p.keys(5, sqlOldAttempts, p.limits.attemptsAt, p.place.attempts.seq, p.place.attempts.webhook, p.limits.attempts, pruneRows)
	var old [][]int64
	for _, row := range seen {
		p.place.attempts = deliveryRow{seq: row[0], webhook: row[1]}
		if row[4] != 0 {
			old = append(old, []int64{row[1], row[0], row[3], row[2]})
		}
	}
	p.done.More = len(seen) == pruneRows
	if len(old) > 0 {
		p.done.Attempts += p.exec(sqlDeleteAttempts, jsonRows(old))
	}
}

func (p *pruning) deliveries() {
	for _, status := range []alma.DeliveryStatus{alma.StatusFailed, alma.StatusSuppressed} {
		if p.limits.deliveries <= 0 || p.done.More {
			return
		}
		p.dropDeliveries(p.keys(2, sqlOldDeliveries, string(status), p.limits.deliveries, pruneEvents))
	}
}

// dropDeliveries removes finished deliveries and all about them. A batch goes
// with its first member: the others are hardly younger, and nothing would be
// known of them.
func (p *pruning) dropDeliveries(rows [][]int64) {
	if len(rows) == 0 || p.err != nil {
		return
	}
	list := jsonRows(append(p.keys(2, sqlMembersOf, jsonRows(rows)), rows...))
	p.exec(sqlDeleteMessagesOf, list)
	p.exec(sqlDeleteDeliveryTries, list)
	p.done.Deliveries += p.exec(sqlDeleteDeliveries, list)
	p.done.More = p.done.More || len(rows) >= pruneEvents
}

// events removes the oldest events and everything about their deliveries.
func (p *pruning) events() {
	if p.limits.events <= 0 || p.err != nil {
		return
	}
	var needed int64
	if p.err = p.one(p.ctx, []any{&needed}, sqlNeededFrom); p.err != nil {
		return
	}
	rows := p.keys(1, sqlOldEvents, min(needed, p.limits.events), pruneEvents)
	if len(rows) == 0 || p.err != nil {
		return
	}
	seqs := make([]int64, len(rows))
	for i, row := range rows {
		seqs[i] = row[0]
	}
	list := jsonList(seqs)
	if p.exec(sqlDeleteAttemptsOf, list, pruneRows) == pruneRows {
		p.done.More = true // There may be more of them: the events wait.
		return
	}
	finished := p.keys(2, sqlDeliveriesOf, list, pruneRows)
	deliveries := p.done.Deliveries
	p.dropDeliveries(finished)
	p.done.Deliveries = deliveries // Those that go with their event are not counted.
	if len(finished) == pruneRows {
		p.done.More = true
		return
	}
	p.done.Events += p.exec(sqlDeleteEvents, list)
	p.done.More = len(rows) == pruneEvents
	p.forget(seqs[len(seqs)-1])
}

func (p *pruning) replays() {
	if p.limits.replays > 0 {
		p.done.Replays += p.exec(sqlDeleteReplays, p.limits.replays, pruneEvents)
		p.done.More = p.done.Replays == pruneEvents
	}
}

func (p *pruning) audit() {
	if p.limits.audit > 0 {
		p.done.Audit += p.exec(sqlDeleteAudit, p.limits.audit, pruneEvents)
		p.done.More = p.done.Audit == pruneEvents
	}
}

// pages gives free pages back. A file that was made without auto_vacuum keeps
// them for what comes.
func (p *pruning) pages() {
	if p.err == nil {
		p.done.More, p.err = freePages(p.ctx, p.statements)
	}
}

// freePages shrinks the file by some pages; more says that there are others.
func freePages(ctx context.Context, q *statements) (more bool, err error) {
	var free, mode int64
	if err := q.one(ctx, []any{&free, &mode}, sqlFreePages); err != nil || mode != incrementalVacuum || free == 0 {
		return false, err
	}
	err = q.query(ctx, func(*sql.Rows) error { return nil }, sqlIncrementalVacuum)
	return free > 1000, err
}

const incrementalVacuum = 2
