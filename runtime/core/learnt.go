package core

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/toolpredict"
)

// Learnt is what a machine has learnt, as a plain value that shares nothing with it: what one
// run knows in the end, the next can begin with (Config.Learnt). A machine that does decides as
// the one before would have, once that had no programs left. It is the same for the same events,
// and so is its JSON.
//
// What is known of programs that live is not in it: where they went, what they said, how long
// the calls of each alone take. Nor is what a policy keeps for itself (package sched).
type Learnt struct {
	Version int           // LearntVersion
	At      programs.Time // of the machine's last Step, or of what it began with before the first

	// Speed is how fast the engine is and the ways between the tiers are; nil is not known.
	Speed *Speed

	Remaining Remaining
	Words     []Words // of tenants, the one that said something last is last
	Tools     toolpredict.Learnt
}

// LearntVersion is the version of Learnt that this package gives and takes.
const LearntVersion = 1

// Speed is what speed.go has learnt. Times are seconds.
type Speed struct {
	Scale   float64         // of Prefill
	Prefill []PrefillSample // of a token, by its position; of each bin that is known, in their order

	DecodeScale float64
	Decode      [9]float64 // sums of the regression: n, x, y, z, x², xy, y², xz, yz

	Hidden     float64 // part of a decode beside prompts that is hidden
	Mixed      int     // steps since the last probe of it
	Late       float64 // from admission to the first token; 0 is not known
	Host, Disk float64 // of a byte to or from the tier
}

// PrefillSample is a bin of the curve of prefills.
type PrefillSample struct {
	Bin   int
	Value float64 // seconds a token, over Scale
	Seen  int     // samples
}

// Remaining is what remaining.go has learnt.
type Remaining struct {
	All   Kind
	Kinds []Kind     // the one asked for last is last
	Slope [6]float64 // sums: n, x, y, x², xy, y²
}

// Kind is what programs of a tenant that begin with the same opening have been like.
type Kind struct {
	Tenant  programs.TenantID
	Opening programs.ProgramID
	Child   bool `json:",omitempty"` // of a program that names a parent

	// Turns and Ends are how many turns were over, and how many programs ended with them,
	// by the bin of how many turns their programs had had. Bins behind the last that is not
	// empty are left out.
	Turns, Ends []float64

	Timed, Cost float64 // turns whose engine time is known, and that time in seconds
}

// Words are what words.go has learnt of a tenant.
type Words struct {
	Tenant                  programs.TenantID
	Words, Forecasts, Means float64 // mean squares of what was wrong by them
	Said, Had, Programs     float64 // turns that were said, turns that there were, of how many
}

// Learnt gives what the machine has learnt so far. It changes nothing. The owner pays for a
// copy of all of it, most of which is toolpredict's: under a millisecond where that knows a
// thousand tools, some 10 ms where it is full (BenchmarkLearnt there).
func (m *Machine) Learnt() *Learnt {
	l := &Learnt{Version: LearntVersion, At: m.now, Speed: m.speed.learnt(), Remaining: m.remaining.learnt(), Tools: *m.tools.Learnt()}
	for tenant, w := range m.words.all() {
		l.Words = append(l.Words, Words{tenant, w.words, w.forecasts, w.means, w.said, w.had, w.n})
	}
	return l
}

// OnAnotherEngine is what of l holds on another engine: how long tools take, how many turns
// programs have, and whose words have proved right; but no time of the engine's.
func (l *Learnt) OnAnotherEngine() *Learnt {
	other := *l
	other.Speed = nil
	other.Remaining.Slope = [6]float64{}
	other.Remaining.Kinds = slices.Clone(l.Remaining.Kinds)
	untimed(&other.Remaining.All)
	for i := range other.Remaining.Kinds {
		untimed(&other.Remaining.Kinds[i])
	}
	return &other
}

func untimed(k *Kind) { k.Timed, k.Cost = 0, 0 }

// recall has a new machine begin with what another has learnt.
func (m *Machine) recall(l *Learnt) (err error) {
	if err := l.Check(); err != nil {
		return err
	}
	if m.tools, err = toolpredict.Recall(m.cfg.Tools, &l.Tools); err != nil {
		return err
	}
	m.now = l.At
	if l.Speed != nil {
		m.speed.recall(l.Speed)
	}
	m.remaining.recall(&l.Remaining)
	for _, w := range l.Words {
		*m.wordsOf(w.Tenant) = words{words: w.Words, forecasts: w.Forecasts, means: w.Means, said: w.Said, had: w.Had, n: w.Programs}
	}
	return nil
}

func (s *speed) learnt() *Speed {
	l := &Speed{
		Scale: s.scale, DecodeScale: s.decode.scale, Hidden: s.hidden, Mixed: s.mixed % probeEvery, Late: s.late,
		Host: s.bytes[kvpin.Host], Disk: s.bytes[kvpin.Disk],
	}
	for bin, seen := range s.prefill.seen {
		if seen > 0 {
			l.Prefill = append(l.Prefill, PrefillSample{bin, s.prefill.bins[bin], seen})
		}
	}
	for i, sum := range s.decode.sums() {
		l.Decode[i] = *sum
	}
	return l
}

func (s *speed) recall(l *Speed) {
	s.scale, s.hidden, s.mixed, s.late = l.Scale, l.Hidden, l.Mixed, l.Late
	s.bytes[kvpin.Host], s.bytes[kvpin.Disk] = l.Host, l.Disk
	for _, p := range l.Prefill {
		s.prefill.bins[p.Bin], s.prefill.seen[p.Bin] = p.Value, p.Seen
	}
	s.decode = l.regression()
}

// regression is that of the decodes.
func (l *Speed) regression() regression {
	r := regression{scale: l.DecodeScale}
	for i, sum := range r.sums() {
		*sum = l.Decode[i]
	}
	if r.n > 0 {
		r.fit()
	}
	return r
}

func (r *remaining) learnt() Remaining {
	l := Remaining{All: r.all.learnt(kindName{}), Kinds: make([]Kind, 0, r.kinds.order.Len())}
	for name, k := range r.kinds.all() {
		l.Kinds = append(l.Kinds, k.learnt(name))
	}
	for i, sum := range r.slope.sums() {
		l.Slope[i] = *sum
	}
	return l
}

func (r *remaining) recall(l *Remaining) {
	r.all.recall(&l.All)
	for i := range l.Kinds {
		r.kind(l.Kinds[i].name()).recall(&l.Kinds[i])
	}
	for i, sum := range r.slope.sums() {
		*sum = l.Slope[i]
	}
}

func (k *kind) learnt(name kindName) Kind {
	l := Kind{Tenant: name.tenant, Opening: name.opening, Child: name.child, Timed: k.turns, Cost: k.cost}
	last := turnBins
	for last > 0 && k.bins[last-1].turns == 0 && k.bins[last-1].ends == 0 {
		last--
	}
	l.Turns, l.Ends = make([]float64, last), make([]float64, last)
	for b := range last {
		l.Turns[b], l.Ends[b] = k.bins[b].turns, k.bins[b].ends
	}
	return l
}

func (k *kind) recall(l *Kind) {
	k.turns, k.cost = l.Timed, l.Cost
	for b := range l.Turns {
		k.bins[b].turns, k.bins[b].ends = l.Turns[b], l.Ends[b]
	}
}

func (l *Kind) name() kindName { return kindName{l.Tenant, l.Opening, l.Child} }

// Check reports the first thing that no machine can have learnt, and that would spoil the
// decisions of one that began with it: what is no number, is negative or absurd, is there twice,
// or is more than is kept.
func (l *Learnt) Check() error {
	if l.Version != LearntVersion {
		return fmt.Errorf("learnt in version %d, and this program knows version %d", l.Version, LearntVersion)
	}
	if l.Speed != nil {
		if err := l.Speed.check(); err != nil {
			return fmt.Errorf("learnt of the engine's speed: %w", err)
		}
	}
	if err := l.Remaining.check(); err != nil {
		return fmt.Errorf("learnt of the work of programs: %w", err)
	}
	if len(l.Words) > mostRecords {
		return fmt.Errorf("learnt of the words of %d tenants; no more than %d are kept", len(l.Words), mostRecords)
	}
	known := map[programs.TenantID]bool{}
	for i := range l.Words {
		w := &l.Words[i]
		if known[w.Tenant] {
			return fmt.Errorf("learnt of the words of tenant %q twice", w.Tenant)
		}
		known[w.Tenant] = true
		if err := w.check(); err != nil {
			return fmt.Errorf("learnt of the words of tenant %q: %w", w.Tenant, err)
		}
	}
	return l.Tools.Check()
}

// The bounds of what Check takes for learnt, with room for the slowest and fastest machines.
const (
	mostSeconds = 1e9   // of anything
	mostToken   = 1e6   // seconds to prefill a token
	mostByte    = 1e6   // seconds to move one
	mostScale   = 1e9   // and its inverse
	leastTime   = 1e-18 // of what takes time
	mostSquare  = 1e30  // of sums of squares
	mostCounted = 1e7   // of turns and programs, of which older ones have been forgotten
)

func (s *Speed) check() error {
	for i, p := range s.Prefill {
		switch {
		case p.Bin < 0 || p.Bin >= len(curve{}.bins) || i > 0 && p.Bin <= s.Prefill[i-1].Bin:
			return fmt.Errorf("bin %d of the curve of prefills; bins are below %d, in their order", p.Bin, len(curve{}.bins))
		case p.Seen < 1:
			return fmt.Errorf("bin %d of the curve of prefills has %d samples", p.Bin, p.Seen)
		}
		if err := between("the time of a prefilled token", p.Value*s.Scale, leastTime, mostToken); err != nil {
			return err
		}
	}
	if s.Mixed < 0 || s.Mixed >= probeEvery {
		return fmt.Errorf("%d steps since the last probe; there are fewer than %d", s.Mixed, probeEvery)
	}
	for _, sum := range s.Decode {
		if err := between("a sum of the decodes", sum, 0, mostSquare); err != nil {
			return err
		}
	}
	r := s.regression()
	if r.n > 0 && !(r.z >= leastTime) {
		return fmt.Errorf("%v decodes took %v s in all", r.n, r.z)
	}
	if r.known() { // not known, it is not asked, and soon it is learnt
		for _, cells := range [...]float64{0, 1e6} {
			if err := between("the time of a decode", r.at(1, cells), leastTime, mostSeconds); err != nil {
				return err
			}
		}
	}
	return cmp.Or(
		between("the scale of prefills", s.Scale, 1/mostScale, mostScale),
		between("the scale of decodes", s.DecodeScale, 1/mostScale, mostScale),
		between("the number of decodes", s.Decode[0], 0, mostCounted),
		between("the part that is hidden", s.Hidden, 0, 1),
		between("when a turn is late", s.Late, 0, mostSeconds),
		between("the time of a byte of the host", s.Host, leastTime, mostByte),
		between("the time of a byte of the disk", s.Disk, leastTime, mostByte),
	)
}

func (r *Remaining) check() error {
	if len(r.Kinds) > mostKinds {
		return fmt.Errorf("%d kinds of programs; no more than %d are kept", len(r.Kinds), mostKinds)
	}
	if err := r.All.check(); err != nil {
		return err
	}
	names := map[kindName]bool{}
	for i := range r.Kinds {
		k := &r.Kinds[i]
		if names[k.name()] {
			return fmt.Errorf("opening %q of tenant %q is there twice", k.Opening, k.Tenant)
		}
		names[k.name()] = true
		if err := k.check(); err != nil {
			return fmt.Errorf("opening %q of tenant %q: %w", k.Opening, k.Tenant, err)
		}
	}
	for _, sum := range r.Slope {
		if err := between("a sum of the slope", sum, -mostSquare, mostSquare); err != nil {
			return err
		}
	}
	return between("the number of programs of the slope", r.Slope[0], 0, mostCounted)
}

func (k *Kind) check() error {
	if len(k.Turns) > turnBins || len(k.Ends) != len(k.Turns) {
		return fmt.Errorf("%d bins of turns and %d of ends; there are as many of both, and at most %d", len(k.Turns), len(k.Ends), turnBins)
	}
	for b := range k.Turns {
		if err := cmp.Or(between("a number of turns", k.Turns[b], 0, mostCounted), between("a number of ends", k.Ends[b], 0, mostCounted)); err != nil {
			return err
		}
	}
	return cmp.Or(
		between("the number of turns", k.Timed, 0, mostCounted),
		between("the time of the turns", k.Cost, 0, mostSeconds*k.Timed),
	)
}

func (w *Words) check() error {
	return cmp.Or(
		between("a mean square", w.Words, 0, mostSquare),
		between("a mean square", w.Forecasts, 0, mostSquare),
		between("a mean square", w.Means, 0, mostSquare),
		between("the number of turns said", w.Said, leastTime, mostSquare),
		between("the number of turns had", w.Had, 0, mostSquare),
		between("the number of programs", w.Programs, leastTime, mostCounted),
	)
}

// between refuses what is not from least to most, NaN included.
func between(what string, v, least, most float64) error {
	if v >= least && v <= most {
		return nil
	}
	return fmt.Errorf("%s is %v; it is from %v to %v", what, v, least, most)
}
