package core

import (
	"fmt"
	"slices"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
)

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
		case m.ledger.Common(seq) != p.Shared:
			return fmt.Errorf("core: %s shares %d cells, its sequence %d", p.ID, p.Shared, m.ledger.Common(seq))
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
		case p.Cells != min(p.length, p.valid) && len(p.holes()) == 0:
			return fmt.Errorf("core: %s has %d cells of %d, %d valid", id, p.Cells, p.length, p.valid)
		case p.runs() && (p.seq == 0 || p.Cells >= p.Turn.Context):
			return fmt.Errorf("core: %s runs with %d cells of a context of %d", id, p.Cells, p.Turn.Context)
		}
	}
	if err := m.checkHoles(); err != nil {
		return err
	}
	if err := m.checkFamilies(); err != nil {
		return err
	}
	if err := m.checkPrompts(); err != nil {
		return err
	}
	return m.checkMoves()
}

// checkHoles audits what is left to be computed between cells that were moved.
func (m *Machine) checkHoles() error {
	for id, p := range m.programs {
		last, holes := programs.Tokens(0), p.holes()
		for _, h := range holes {
			if h.From < last || h.Count < 1 || h.end() > p.length {
				return fmt.Errorf("core: %s has the holes %v within its %d cells", id, holes, p.length)
			}
			last = h.end()
		}
		switch {
		case len(holes) > 0 && (!p.runs() || p.Cells != holes[0].From || p.valid != allValid):
			return fmt.Errorf("core: %s is %v, has %d cells, %d valid, and the holes %v", id, p.Turn.Phase, p.Cells, p.valid, holes)
		case p.Placed != max(0, p.length-p.Cells-cells(holes)) && len(holes) > 0, len(holes) == 0 && p.Placed != 0:
			return fmt.Errorf("core: %s has %d of %d cells, the holes %v, and counts %d placed", id, p.Cells, p.length, holes, p.Placed)
		case p.exact != allValid && p.exact >= max(p.length, p.Below):
			return fmt.Errorf("core: %s has %d cells, copies of %d, and %d are exact", id, p.length, p.Below, p.exact)
		}
	}
	return nil
}

// checkFamilies audits who shares what with whom.
func (m *Machine) checkFamilies() error {
	members := map[*family]int{}
	for id, p := range m.programs {
		f := p.kin.of
		if f == nil {
			if p.kin.isHolder() || p.state.behind {
				return fmt.Errorf("core: %s has a place in no family", id)
			}
			continue
		}
		if p.state.behind != slices.Contains(f.behind, p) || p.state.behind && (f.leader == nil || p.seq != 0 || p.Turn.Phase != programs.Waiting) {
			return fmt.Errorf("core: %s stands behind %v: %v", id, f.leader, p.state.behind)
		}
		members[f]++
		switch n := p.common(); {
		case p.kin.isHolder() != (n > 0):
			return fmt.Errorf("core: %s has %d cells of its family's and is offered: %v", id, n, p.kin.isHolder())
		case n > 0 && p.kin.place.Rank().At != -programs.Time(n):
			return fmt.Errorf("core: %s has %d cells of its family's and is offered with %d", id, n, -p.kin.place.Rank().At)
		case f.parent != nil && m.programs[f.name] != f.parent:
			return fmt.Errorf("core: %s is of a family whose parent is forgotten", id)
		}
	}
	for f, n := range members {
		if f.members != n || f.holders.Len() > n {
			return fmt.Errorf("core: the family of %s has %d members and counts %d, %d of them with cells", f.name, n, f.members, f.holders.Len())
		}
	}
	for name, f := range m.families {
		if members[f] == 0 || f.name != name {
			return fmt.Errorf("core: the family of %s has no members, or is known as %s's", f.name, name)
		}
	}
	return nil
}

// checkPrompts audits which turns wait for their prompts.
func (m *Machine) checkPrompts() error {
	absentees, ahead := 0, 0
	for id, p := range m.programs {
		t := &p.state
		if t.prompt == absent {
			absentees++
		}
		if t.ahead {
			ahead++
		}
		switch {
		case t.prompt == absent && !p.queued():
			return fmt.Errorf("core: %s does not wait, and its prompt was not asked for", id)
		case t.ahead && (t.prompt == absent || !p.queued()):
			return fmt.Errorf("core: the prompt of %s was fetched ahead", id)
		case t.fetching != 0 && (t.prompt != fetching || p.Turn.Phase != programs.Restoring):
			return fmt.Errorf("core: %s waits for its prompt since %v, and is %v", id, t.fetching, p.Turn.Phase)
		case p.runs() && p.Turn.Phase != programs.Restoring && t.prompt != atHand:
			return fmt.Errorf("core: %s runs without its prompt", id)
		}
	}
	if absentees != m.absent || ahead != m.fetched {
		return fmt.Errorf("core: %d prompts are absent and %d were fetched ahead; %d and %d are counted", absentees, ahead, m.absent, m.fetched)
	}
	return nil
}

// checkMoves audits what is moved between tiers, and what is to be.
func (m *Machine) checkMoves() error {
	var ways [kvpin.Disk + 1]lane
	for id, p := range m.moves {
		v := p.move
		if v == nil || v.id != id {
			return fmt.Errorf("core: move %d is not that of %s", id, p.ID)
		}
		ways[max(v.from, v.to)].count(v.ahead, 1)
		switch {
		case v.to == kvpin.Device && (p.seq == 0 || v.first != p.length || v.last > p.Capacity):
			return fmt.Errorf("core: cells [%d,%d) are to come behind the %d of %s, which may have %d", v.first, v.last, p.length, p.ID, p.Capacity)
		case v.from == kvpin.Device && (p.seq == 0 || v.last > p.length):
			return fmt.Errorf("core: cells [%d,%d) are read of the %d of %s", v.first, v.last, p.length, p.ID)
		}
		for _, t := range [...]kvpin.Tier{v.from, v.to} {
			if t != kvpin.Device && m.ledger.Copied(t, p.copyOf) < v.last {
				return fmt.Errorf("core: cells [%d,%d) of %s go from %v to %v, and the copy on %v is of fewer", v.first, v.last, p.ID, v.from, v.to, t)
			}
		}
	}
	places := 0
	for id, p := range m.programs {
		restoring := p.Phase == programs.Active && p.Turn.Phase == programs.Restoring
		cells := p.state.restoring != 0
		switch {
		case cells && (!restoring || p.move == nil && !p.unsettled),
			restoring && !cells && p.state.prompt == atHand && !p.unsettled:
			return fmt.Errorf("core: %s is restoring: %v; waits for cells since %v, its prompt is at hand: %v",
				id, restoring, p.state.restoring, p.state.prompt == atHand)
		}
		for t := kvpin.Host; t <= kvpin.Disk; t++ {
			in := p.ahead != nil && p.ahead[t].place.In()
			if in != (m.prefetches() && m.lacks(p, t) > 0) {
				return fmt.Errorf("core: %s lacks %d cells above %v, and is in the lane: %v", id, m.lacks(p, t), t, in)
			}
			if in {
				places++
			}
		}
	}
	for t := range m.lanes {
		if l, w := &m.lanes[t], &ways[t]; l.moves != w.moves || l.ahead != w.ahead || l.ahead > 1 {
			return fmt.Errorf("core: %d moves to and from %v are counted, %d ahead; there are %d, %d", l.moves, kvpin.Tier(t), l.ahead, w.moves, w.ahead)
		}
		places -= m.lanes[t].queue.Len()
	}
	if places != 0 {
		return fmt.Errorf("core: %d programs are in lanes and not known", -places)
	}
	return nil
}
