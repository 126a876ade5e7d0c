package core

import (
	"math"

	"github.com/interlude-run/interlude/programs"
)

// words is the record of what a tenant's clients said of the turns that their programs
// have left. A word counts as far as such words have told more than the forecast does.
//
// When a program ends, each of its words is compared with how many turns there were, and
// so is what was foretold at the same moment. A word r, said at turn t of a program that
// had N in the end, is wrong by (N − t − a·r)/F, where a is the factor by which such
// words were too small so far, and F the total that was foretold when the program first
// said something: a scale that does not depend on the end, so that the mean square is least
// for who says the mean. So there is nothing in saying less than is true: what is
// said too small by habit is set right by habit. The weight of the next word is the part
// that words do without of the mean square of what is known anyway, which is the forecast,
// or that so many turns are left as always were, whichever is nearer:
//
//	trust = 1 − mean square of words / least mean square without them     at least 0
//
// Who always says "one turn" is corrected to the mean, which tells nothing: the trust is
// 0, and the word is as silence. (The credibility of actuarial science: Bühlmann, ASTIN
// Bulletin 1967.)
type words struct {
	words, forecasts, means float64 // mean squares, the last of a left that is always the mean
	said, had, n            float64 // sums of r and of N − t, and how many
}

// The constants of trust, in programs.
const (
	wordGain  = 0.1  // how much of a program's mean square the record takes
	wordPrior = 10.0 // turns that were said and had, before there were any
	mostBias  = 1e3  // and its inverse bound a
	mostTurns = 1e4  // that a word may say

	mostRecords = 4096 // of tenants that are kept, those that said something last
)

func newWords() words {
	return words{words: 1, forecasts: 1, means: 1, said: wordPrior, had: wordPrior, n: 1}
}

// trust is the weight of the next word, from 0 to 1.
func (w *words) trust() float64 {
	return max(0, 1-w.words/max(min(w.forecasts, w.means), math.SmallestNonzeroFloat64))
}

// bias is a.
func (w *words) bias() float64 { return min(max(w.had/w.said, 1/mostBias), mostBias) }

// said are the words of a program so far, each of them counted: as sums, so that it does
// not matter how many there are. A word and a forecast are totals, t + a·r.
type said struct {
	n                   float64
	scale               float64 // F
	at, left            float64 // sums of t and of r
	total, square       float64 // of what was said
	expected, expSquare float64 // of what was foretold
	mean, meanSquare    float64 // and of the mean
}

// say takes a word in: at the program's turn so many follow, where the forecast is of
// others; and gives how many are to be believed.
func (w *words) say(s *said, turn int, left, foretold float64) (believed float64) {
	left = min(left, mostTurns)
	corrected := w.bias() * left
	if s.n++; s.n == 1 {
		s.scale = float64(turn) + foretold
	}
	s.at += float64(turn)
	s.left += left
	total, expected := float64(turn)+corrected, float64(turn)+foretold
	s.total, s.square = s.total+total, s.square+total*total
	s.expected, s.expSquare = s.expected+expected, s.expSquare+expected*expected
	mean := float64(turn) + w.had/w.n
	s.mean, s.meanSquare = s.mean+mean, s.meanSquare+mean*mean
	return foretold + w.trust()*(corrected-foretold)
}

// proved compares a program's words with how many turns it had.
func (w *words) proved(s *said, turns int) {
	if s.n == 0 || turns == 0 {
		return
	}
	n := float64(turns)
	wrong := func(sum, square float64) float64 { return max(0, n*n-2*n*sum/s.n+square/s.n) / (s.scale * s.scale) }
	w.words += wordGain * (wrong(s.total, s.square) - w.words)
	w.forecasts += wordGain * (wrong(s.expected, s.expSquare) - w.forecasts)
	w.means += wordGain * (wrong(s.mean, s.meanSquare) - w.means)
	w.said += wordGain * (s.left/s.n*wordPrior - w.said)
	w.had += wordGain * (max(0, n-s.at/s.n)*wordPrior - w.had)
	w.n += wordGain * (wordPrior - w.n)
}

// foretold is what a machine makes of a program's future.
type foretold struct {
	kind   *kind
	prompt programs.Tokens // of the first turn
	work   float64         // seconds of the engine, in all
	turn   float64         // and for a turn of its kind
	done   float64         // of it, what sub-agents were foretold included
	handed float64         // of that, to sub-agents since the last turn was over
	said   *said           // nil before the client says something
}

// left is the work that a program has left, the turn that has arrived with it, in
// seconds.
func (f *foretold) left() float64 { return max(f.work-f.done, leastPart*f.work) }

// expectWork foretells what the program has left at the arrival of a turn, and takes in
// what its client says of it.
func (m *Machine) expectWork(p *program, ev *TurnArrived) {
	f := &p.foretold
	if f.kind == nil {
		f.kind = m.remaining.kind(kindName{tenant: p.Tenant, opening: ev.Opening, child: ev.Parent != ""})
		f.prompt = ev.Context
		f.work, f.turn = m.remaining.foretell(f.kind, f.prompt)
	}
	left := f.left()
	switch l := ev.Left; {
	case l.Exact:
		p.Work.Left = max(l.Time, 1)
		return
	case l.Turns > 0 || l.Time > 0:
		turn := (f.done + f.turn) / float64(p.Turns+1)
		turns := float64(l.Turns)
		if l.Time > 0 {
			turns = l.Time.Seconds() / turn
		}
		if f.said == nil {
			f.said = &said{}
		}
		believed := m.wordsOf(p.Tenant).say(f.said, p.Turns+1, turns, max(0, left/turn-1))
		left = (believed + 1) * turn
	}
	p.Work.Left = max(programs.Seconds(left), 1)
}

// adopt gives a sub-agent its parent's place in the order, as the parent waits for it: its
// work is the parent's. It counts as the parent's when kinds of programs are learnt, so that
// what a program is foretold is the work of it and its sub-agents. What they have beyond that
// is at the parent's cost: for each second of it the parent's place, and so that of the next
// one, is adoptionCost later, though not later than now. So the name of an old program carries
// no more work forward than its kind has, and than its age is worth:
//
//	foretold 60 s, age 1 h, sub-agents of 10 s each:   60/10 + 3600/(30·10) = 18 of them
func (m *Machine) adopt(p *program, id programs.ProgramID) {
	parent := m.programs[id]
	if parent == nil || parent == p || parent.Tenant != p.Tenant {
		return
	}
	p.Arrived = min(p.Arrived, parent.Arrived)
	p.Place = min(p.Place, parent.Place)
	f, work := &parent.foretold, p.foretold.work
	beyond := min(work, max(0, f.done+work-f.work))
	f.done, f.handed = f.done+work, f.handed+work
	parent.Place = max(parent.Place, min(m.now, parent.Place.Add(programs.Seconds(adoptionCost*beyond))))
}

// adoptionCost is in seconds of place a second of work, what a second of work that is left
// weighs in the working set (sched.DefaultRules.Urgency).
const adoptionCost = 30

// turnDone takes in what a turn would have cost alone: its new prompt tokens and what it
// generated.
func (m *Machine) turnDone(p *program) {
	t := &p.state
	prompt := p.Turn.Context - t.usage.Generated
	cost := m.speed.compute(min(t.keep, prompt), prompt) + float64(t.usage.Generated)*m.speed.decodeAlone(p.Turn.Context)
	f := &p.foretold
	f.done += cost
	m.remaining.turnOver(f.kind, p.Turns, cost+f.handed)
	f.handed = 0
}

// workDone takes in what a program that has ended had to do in all.
func (m *Machine) workDone(p *program) {
	f := &p.foretold
	m.remaining.ended(f.kind, p.Turns, f.prompt, f.done)
	if f.said != nil {
		m.wordsOf(p.Tenant).proved(f.said, p.Turns)
	}
}

// wordsOf is the record of a tenant.
func (m *Machine) wordsOf(tenant programs.TenantID) *words {
	return m.words.get(tenant, mostRecords, newWords)
}
