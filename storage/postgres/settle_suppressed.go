package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// sumSuppressions adds up what belongs to the same webhook and job.
func sumSuppressions(list []alma.Suppression) []alma.Suppression {
	type key struct{ webhook, job string }
	index := map[key]int{}
	var out []alma.Suppression
	for _, s := range list {
		k := key{s.WebhookID, s.JobID}
		if i, ok := index[k]; ok {
			out[i].Count += s.Count
			continue
		}
		index[k] = len(out)
		out = append(out, s)
	}
	return out
}

// suppress counts events of bulk jobs that were not sent, in one row a webhook
// and job.
func (p *settling) suppress(b *pgx.Batch) {
	// Which of them have a row already is for the statements to find out: what
	// is added to first is not inserted after.
	for _, sup := range p.suppressed {
		at := placeOf(sup.Position)
		args := []any{[]string{sup.WebhookID}, []string{sup.JobID}, []int64{at.xact}, []int64{at.seq}, []int64{sup.Count}}
		b.Queue(sqlAddSuppressed, args...)
		b.Queue(sqlInsertSuppressions, args...)
	}
}

func (p *settling) disable(b *pgx.Batch, s *Store) {
	if len(p.Disabled) == 0 {
		return
	}
	ids, reasons := make([]string, len(p.Disabled)), make([]string, len(p.Disabled))
	for i, d := range p.Disabled {
		ids[i], reasons[i] = d.WebhookID, plain(d.Reason)
	}
	b.Queue(sqlDisableWebhooks, ids, reasons)
	b.Queue(sqlNotify, s.changeChannel())
}
