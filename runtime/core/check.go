package core

import "fmt"

// Check audits the machine, its scheduler and its ledger, and reports the first
// broken invariant. It visits every program and is meant for tests.
func (m *Machine) Check() error {
	if err := m.ledger.Check(); err != nil {
		return err
	}
	if err := m.scheduler.Check(); err != nil {
		return err
	}
	for seq, p := range m.holders {
		switch known := m.programs[p.ID] == p; {
		case p.seq != seq:
			return fmt.Errorf("core: sequence %d is booked to %s, which has %d", seq, p.ID, p.seq)
		case m.ledger.Capacity(seq) != p.Capacity:
			return fmt.Errorf("core: %s has capacity %d, its sequence %d", p.ID, p.Capacity, m.ledger.Capacity(seq))
		case p.length > p.Capacity:
			return fmt.Errorf("core: %s has %d cells written of %d", p.ID, p.length, p.Capacity)
		case !known && !p.unsettled && p.move == nil:
			return fmt.Errorf("core: %s is forgotten and keeps sequence %d", p.ID, seq)
		}
	}
	for id, p := range m.programs {
		switch {
		case p.ID != id:
			return fmt.Errorf("core: %s is known as %s", p.ID, id)
		case p.seq == 0 && (p.length > 0 || p.Capacity > 0):
			return fmt.Errorf("core: %s has %d cells and no sequence", id, p.length)
		case p.seq != 0 && m.holders[p.seq] != p:
			return fmt.Errorf("core: %s has sequence %d, which is not booked to it", id, p.seq)
		case p.Cells != min(p.length, p.valid):
			return fmt.Errorf("core: %s has %d cells of %d, %d valid", id, p.Cells, p.length, p.valid)
		case p.runs() && (p.seq == 0 || p.Cells >= p.Turn.Context):
			return fmt.Errorf("core: %s runs with %d cells of a context of %d", id, p.Cells, p.Turn.Context)
		}
	}
	return nil
}
