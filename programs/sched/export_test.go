package sched

// Tenants is how many tenants the set knows of.
func (w *WorkingSet) Tenants() int { return len(w.parts) }
