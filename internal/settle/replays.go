package settle

import "github.com/alma-events/alma"

// appendProgress adds what a record tells of a replay to what the group holds
// about it already: counts add up, and the later place and state count.
func appendProgress(out *alma.Settlement, p *alma.ReplayProgress) {
	if p == nil {
		return
	}
	for i := range out.Replays {
		if have := &out.Replays[i]; have.ReplayID == p.ReplayID {
			merge(have, p)
			return
		}
	}
	out.Replays = append(out.Replays, *p)
}

func merge(have, p *alma.ReplayProgress) {
	if have.Cursor.Before(p.Cursor) {
		have.Cursor = p.Cursor
	}
	have.Looked += p.Looked
	have.Delivered += p.Delivered
	have.Failed += p.Failed
	have.Retrying += p.Retrying
	have.Passed += p.Passed
	if have.State == "" {
		have.State, have.Reason = p.State, p.Reason
	}
}
