package core

import (
	"slices"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/kvpin/anchor"
	"github.com/interlude-run/interlude/programs"
)

// This file puts contexts together from cells that were computed behind another text: of the
// program's own context before its client changed it, or of another program's that has
// read the same. That is not what computing the context anew would give, so a turn must
// ask for it (TurnArrived.Approximate), and its program's cells are exact only as far as
// nothing was moved (program.exact). Turns that do not ask have exact cells alone, of their own
// program and of others.
//
// When the turn is admitted, all of its runs are placed at once. What is between them, and
// the first tokens of each (Run.Mend), are holes: they are computed in steps like the rest of the
// prompt, from the first to the last. A context of 900 tokens, of which 100 are found and
// [160, 800) moved, with 32 to be mended:
//
//	cells     0        100       160    192                     800        900
//	          |  found  |         |      |        moved          |          |
//	holes               [100 ························ 192)                   then the tail [800, 900)
//	Cells               100 ─── as the steps go ────▶ 192 ──▶ 800 ────────▶ 900
//
// A program's own old cells are behind what its new context begins with. Its sequence is
// forked where the two part, the fork gets the runs, and the old one is let go.
//
// Runs with Check are looked at: the mended tokens of their beginning tell whether the others
// are good enough (Strayed). While that is not known, steps have no part of what is behind the last
// moved cell, and no token is sampled.
//
// A run that cannot be had when its turn is admitted is computed as everything else is: its
// source has lost the cells, or its context has become another.

// leastPlaced is how many tokens a run must save to be placed.
const leastPlaced = 32

// donation is a run, and who has its cells.
type donation struct {
	Run
	source *program
	turn   programs.TurnID // the source's last, when the run was found
	epoch  int32           // of the source's context then
}

// assembly is what a turn has of other contexts, and what it is to have.
type assembly struct {
	runs    []donation // cells that may be moved into the context when the turn is admitted
	holes   []Span     // before the end of the cells, to be computed
	checks  []Span     // of moved cells, to be compared
	moved   []Span     // into the context, and not mended
	strayed float64    // the most that these did, of those that stayed
}

func (p *program) donations() []donation {
	if a := p.state.assembly; a != nil {
		return a.runs
	}
	return nil
}

func (p *program) holes() []Span {
	if a := p.state.assembly; a != nil {
		return a.holes
	}
	return nil
}

func (p *program) checked() []Span {
	if a := p.state.assembly; a != nil {
		return a.checks
	}
	return nil
}

func (p *program) strayed() float64 {
	if a := p.state.assembly; a != nil {
		return a.strayed
	}
	return 0
}

// consider takes in the runs of a turn, as far as their sources are known. Of the program's own
// cells the first own ones are of the context that it had; what is behind them in its sequence
// is of another that it had before, or of none.
func (m *Machine) consider(p *program, ev *TurnArrived, own programs.Tokens) {
	if !ev.Approximate || ev.Uncached {
		return
	}
	for _, r := range ev.Runs {
		q := m.programs[r.Source]
		if q == p {
			r.Count = min(r.Count, own-r.From)
		}
		if q == nil || r.Count <= 0 {
			continue
		}
		if p.state.assembly == nil {
			p.state.assembly = new(assembly)
		}
		a := p.state.assembly
		a.runs = append(a.runs, donation{r, q, q.turnID(), q.epoch})
	}
}

// donates tells whether the program's sequence has cells behind those of its context that the
// turn, which waits, may have moved.
func (p *program) donates() bool {
	if p.length <= p.valid || !p.queued() {
		return false
	}
	for _, d := range p.donations() {
		if d.source == p {
			return true
		}
	}
	return false
}

// guardDonors keeps the memory of those whose cells the turn may have from being taken while
// room is made for it.
func (m *Machine) guardDonors(p *program, on bool) {
	for _, d := range p.donations() {
		if q := d.source; q != p && q.seq != 0 && q.busy != on && !q.runs() {
			m.setBusy(q, on)
		}
	}
}

// replace gives the program a new sequence, with the cells of its context that the old one
// has and capacity for all of it, and says which the old one is.
func (m *Machine) replace(p *program) (donor kvpin.Seq, ok bool) {
	donor, keep := p.seq, p.Cells
	runs := p.donations()
	for i := range runs {
		if d := &runs[i]; d.source == p {
			d.Count = min(d.Count, p.length-d.From)
		}
	}
	m.setBusy(p, true)
	capacity, ok := m.reclaim(p, m.cfg.Geometry.Shared(keep), p.Turn.Context)
	p.busy = false
	if !ok {
		m.republish(p)
		return 0, false
	}
	m.lastSeq++
	must(m.ledger.Fork(donor, m.lastSeq, keep))
	m.own(p, m.lastSeq, keep)
	m.emit(Effect{Kind: ForkSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq, From: donor, Cells: keep})
	m.reserve(p, capacity)
	return donor, true
}

// part lets go of the sequence that the program had before replace.
func (m *Machine) part(p *program, donor kvpin.Seq) {
	if donor == 0 {
		return
	}
	p.busy = true // it is held, and runs as soon as it is admitted
	m.ledger.Release(donor)
	delete(m.holders, donor)
	m.emit(Effect{Kind: ReleaseSeq, Turn: programs.TurnID{Program: p.ID}, Seq: donor, Cause: CauseRewrite})
	m.ledger.Alone(m.alone)
	m.republish(p)
	p.busy = false
}

// place moves the turn's runs into its sequence, and notes what is left to be computed.
func (m *Machine) place(p *program, donor kvpin.Seq) {
	a := p.state.assembly
	if a == nil {
		return
	}
	runs := a.runs
	a.runs = nil
	for i := range runs {
		d := &runs[i]
		seq, has := m.donor(p, d, donor)
		if d.clip(p.length, has, min(p.Turn.Context-1, p.Capacity)); d.Count-d.Mend < leastPlaced {
			continue
		}
		m.emit(Effect{
			Kind: PlaceCells, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq, From: seq,
			First: d.From, Cells: d.From + d.Count, At: d.At, Donor: d.turn,
		})
		p.exact, p.hops = min(p.exact, d.At), max(p.hops, d.hopsFrom())
		if hole := (Span{p.length, d.At + d.Mend - p.length}); hole.Count > 0 {
			a.holes = append(a.holes, hole)
		}
		if d.Check && d.Mend > 0 {
			a.checks = append(a.checks, Span{d.At, d.Mend})
		}
		a.moved = append(a.moved, Span{d.At + d.Mend, d.Count - d.Mend})
		p.length = d.At + d.Count
		p.state.usage.Moved += d.Count - d.Mend
		m.assembled = true
	}
	p.sync()
}

// donor is the sequence that has a run's cells, and how many first cells of its context may be
// taken from it.
func (m *Machine) donor(p *program, d *donation, own kvpin.Seq) (seq kvpin.Seq, has programs.Tokens) {
	q := d.source
	switch {
	case q == p && own != 0:
		return own, d.From + d.Count // see replace
	case q == p || q.epoch != d.epoch || q.seq == 0 || m.programs[q.ID] != q:
		return 0, 0
	case q.hops >= mostHops:
		return q.seq, min(q.Cells, q.exact)
	}
	return q.seq, q.Cells
}

// mostHops bounds how often cells go from program to program, each of which had them moved
// itself. Over eight moves of a program's own context the answers' divergence grew to 0.01 with
// the fourth and stayed there.
const mostHops = 4

// hopsFrom is how often the cells of a run have been moved then, up to mostHops.
func (d *donation) hopsFrom() uint8 {
	if d.From+d.Count <= d.source.exact {
		return 1
	}
	return min(d.source.hops+1, mostHops)
}

// clip leaves of a run what is from the position `from` of the context on, before its end, and
// within the first `has` cells of the source.
func (d *donation) clip(from, has, end programs.Tokens) {
	if by := from - d.At; by > 0 {
		d.At, d.From, d.Count = from, d.From+by, d.Count-by
	}
	d.Count = min(d.Count, has-d.From, end-d.At)
}

// next are the next count tokens of the program's context that have no cells; nil when they
// follow each other.
func (m *Machine) next(p *program, count programs.Tokens) []Span {
	holes := p.holes()
	if len(holes) == 0 {
		return nil
	}
	m.assembled = true
	first := len(m.spans)
	for _, h := range holes {
		h.Count = min(h.Count, count)
		if count -= h.Count; h.Count > 0 {
			m.spans = append(m.spans, h)
		}
	}
	if count > 0 {
		m.spans = append(m.spans, Span{p.length, count})
	}
	return m.spans[first:len(m.spans):len(m.spans)]
}

// unchecked is how much of a program's part of a step it may have: as long as moved cells are
// to be checked, nothing behind them, which would be for nothing where they stray too far.
func (p *program) unchecked(count programs.Tokens) programs.Tokens {
	if len(p.checked()) == 0 {
		return count
	}
	return min(count, cells(p.holes()))
}

// checksOf are the spans to be checked of what an item of the program computes.
func (p *program) checksOf(item []Span) (checks []Span) {
	for _, c := range p.checked() {
		for _, s := range item {
			from, end := max(c.From, s.From), min(c.end(), s.end())
			if from < end {
				checks = append(checks, Span{from, end - from})
			}
		}
	}
	return checks
}

// takeChecks gives up what was moved from the first span on that strays too far, and what was
// computed behind that: it becomes a hole.
func (m *Machine) takeChecks(p *program, ev *StepDone, item int) {
	a, usage := p.state.assembly, &p.state.usage
	for _, s := range ev.Strayed {
		switch {
		case s.Item != item:
			continue
		case s.By <= anchor.MostStrayed:
			a.strayed = max(a.strayed, s.By)
			continue
		}
		from := s.Span.end()
		usage.Moved -= behind(from, a.moved)
		usage.Prefilled -= behind(from, m.items[item].Spans)
		a.moved, a.checks = nil, nil
		a.holes = []Span{{from, p.length - from}}
		p.sync()
		m.weigh(p)
		return
	}
	a.checks = slices.DeleteFunc(a.checks, func(c Span) bool { return c.end() <= p.Cells })
}

// behind is how many tokens of the spans are from the given one on.
func behind(from programs.Tokens, spans []Span) (n programs.Tokens) {
	for _, s := range spans {
		n += max(0, s.end()-max(s.From, from))
	}
	return n
}

// computed notes that the cells of an item are written.
func (p *program) computed(i *Item) {
	count := i.Count
	if i.Spans != nil {
		count = max(0, i.Spans[len(i.Spans)-1].end()-p.length)
		p.fill(i.Count - count)
	}
	p.length += count
	p.sync()
}

// fill takes the first n tokens out of the holes.
func (p *program) fill(n programs.Tokens) {
	for n > 0 && len(p.holes()) > 0 {
		a := p.state.assembly
		h := &a.holes[0]
		by := min(n, h.Count)
		h.From, h.Count, n = h.From+by, h.Count-by, n-by
		if h.Count == 0 {
			a.holes = a.holes[1:]
		}
	}
}

// leaveHoles gives up what was placed behind cells that are not computed, as the turn is
// suspended or ends. What is to be placed yet may still be.
func (p *program) leaveHoles() {
	a := p.state.assembly
	if a == nil {
		return
	}
	if len(a.holes) > 0 {
		p.state.usage.Moved -= behind(p.Cells, a.moved)
		a.holes, p.valid = nil, min(p.valid, p.Cells)
		p.sync()
	}
	a.checks, a.moved = nil, nil
}

// movable is how many tokens of the turn's prompt need not be computed, as cells of them were
// placed or are to be when it is admitted.
func (p *program) movable() programs.Tokens {
	n := p.Placed
	for _, d := range p.donations() {
		n += max(0, d.Count-d.Mend)
	}
	return n
}

// classify takes note when no cell is left that was moved, or computed behind such.
func (p *program) classify() {
	if max(p.length, p.Below) <= p.exact {
		p.exact, p.hops = allValid, 0
	}
}

// cells is how many there are in disjoint spans.
func cells(spans []Span) (n programs.Tokens) {
	for _, s := range spans {
		n += s.Count
	}
	return n
}
