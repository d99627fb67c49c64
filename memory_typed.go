package alma

// The five kinds of memory as [Typed]. Times are stored in UTC.

// Kind returns [TypeHeuristic].
func (h Heuristic) Kind() MemoryType { return TypeHeuristic }

// ToMemory implements [Typed].
func (h Heuristic) ToMemory() (Memory, error) {
	h.LastValidated, h.CreatedAt = h.LastValidated.UTC(), h.CreatedAt.UTC()
	return encodeMemory(Memory{ID: h.ID, Agent: h.Agent, ProjectID: h.ProjectID}, h, h.Extra)
}

func (h *Heuristic) adopt(m Memory, extra Extra) {
	h.ID, h.Agent, h.ProjectID, h.Extra = m.ID, m.Agent, m.ProjectID, extra
}

// SuccessRate returns the share of occurrences in which the strategy worked,
// 0 to 1; 0 when there were none.
func (h Heuristic) SuccessRate() float64 {
	if h.OccurrenceCount == 0 {
		return 0
	}
	return float64(h.SuccessCount) / float64(h.OccurrenceCount)
}

// Kind returns [TypeOutcome].
func (o Outcome) Kind() MemoryType { return TypeOutcome }

// ToMemory implements [Typed].
func (o Outcome) ToMemory() (Memory, error) {
	o.Timestamp = o.Timestamp.UTC()
	return encodeMemory(Memory{ID: o.ID, Agent: o.Agent, ProjectID: o.ProjectID}, o, o.Extra)
}

func (o *Outcome) adopt(m Memory, extra Extra) {
	o.ID, o.Agent, o.ProjectID, o.Extra = m.ID, m.Agent, m.ProjectID, extra
}

// Kind returns [TypePreference].
func (p Preference) Kind() MemoryType { return TypePreference }

// ToMemory implements [Typed].
func (p Preference) ToMemory() (Memory, error) {
	p.Timestamp = p.Timestamp.UTC()
	return encodeMemory(Memory{ID: p.ID, Agent: p.Agent, ProjectID: p.ProjectID}, p, p.Extra)
}

func (p *Preference) adopt(m Memory, extra Extra) {
	p.ID, p.Agent, p.ProjectID, p.Extra = m.ID, m.Agent, m.ProjectID, extra
}

// Kind returns [TypeDomainKnowledge].
func (k DomainKnowledge) Kind() MemoryType { return TypeDomainKnowledge }

// ToMemory implements [Typed].
func (k DomainKnowledge) ToMemory() (Memory, error) {
	k.LastVerified = k.LastVerified.UTC()
	return encodeMemory(Memory{ID: k.ID, Agent: k.Agent, ProjectID: k.ProjectID}, k, k.Extra)
}

func (k *DomainKnowledge) adopt(m Memory, extra Extra) {
	k.ID, k.Agent, k.ProjectID, k.Extra = m.ID, m.Agent, m.ProjectID, extra
}

// Kind returns [TypeAntiPattern].
func (a AntiPattern) Kind() MemoryType { return TypeAntiPattern }

// ToMemory implements [Typed].
func (a AntiPattern) ToMemory() (Memory, error) {
	a.LastSeen, a.CreatedAt = a.LastSeen.UTC(), a.CreatedAt.UTC()
	return encodeMemory(Memory{ID: a.ID, Agent: a.Agent, ProjectID: a.ProjectID}, a, a.Extra)
}

func (a *AntiPattern) adopt(m Memory, extra Extra) {
	a.ID, a.Agent, a.ProjectID, a.Extra = m.ID, m.Agent, m.ProjectID, extra
}
