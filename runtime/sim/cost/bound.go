package cost

import (
	"cmp"
	"container/heap"
	"math"
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// Job is a program as LowerBound takes it: what must be computed of it even if
// nothing that was computed before is ever lost.
type Job struct {
	Arrive programs.Time
	Turns  []Turn
}

// Turn is one generation request of a job and the pause behind it.
//
// Prefix and Input together are the turn's context. Prefix is all of it that any
// policy might find computed: what the turn before left, and what the program
// shares with others, even if some policy has to compute it again.
type Turn struct {
	Prefix programs.Tokens
	Shared programs.Tokens // of Prefix, what other programs might hold in the same cells
	Input  programs.Tokens
	Output programs.Tokens   // generated, at least 1
	Gap    programs.Duration // at least, from its end to the arrival of the next turn
}

// Limits are what no step exceeds, besides the engine's StepTokens. What is 0 is
// not limited.
type Limits struct {
	Batch int             // items of a step
	Pool  programs.Tokens // cells on the device, where all cells of a step's items are
}

// LowerBound is a mean time from the arrival of a job to the end of its last turn
// that no schedule of the jobs on the engine stays below, whatever its policy
// knows and however it batches, evicts and preempts. It is 0 for no jobs.
//
// # Why no schedule stays below
//
// A turn's tokens are these: max(Input, 1) of its prompt, as the last token of a
// context must run for the first to be generated, and Output−1 generated ones. A
// unit is a prompt, or one generated token. The units of a job run one after the
// other, each generated token in a step of its own and the prompt in any number
// of steps. A prompt cut into any pieces has the same tokens and the same pairs.
// As a step has at most S = StepTokens, n = ⌈Input/S⌉ steps is the fewest, and its
// last step but k reads at least Prefix+Input−k·S cells, for k from 0 to n−1. Let
// its load have no more. What a policy runs beyond that takes more time, never
// less, and so is left out.
//
// First, the critical path. Other items never make a step shorter, so a unit
// takes at least its time alone, and a job its units' times alone and its gaps.
// For a prompt, a sum of maxima over its steps is at least the maximum of the sums:
// Σ max(compute, memory) ≥ max(Σ compute, Σ memory) under Max, and under Serial the same
// of its matrix products and of its attention, each by itself. Rows rounded up to tiles
// step by step are no fewer than all of them rounded up at once.
//
// Second, the engine's capacity. A step takes at least, for 0 ≤ θ ≤ 1 and whatever is
// constant beside it,
//
//	Max      θ·compute + (1−θ)·memory
//	Serial   θ·(tokens + Ramp)·row + (1−θ)·WeightBytes/Bandwidth + Σ attend
//	Sum      compute + memory
//
// as rows are no fewer than tokens. Except for a constant K (the weights' reading,
// Ramp, Overhead, Launch), that is a sum over the step's items: under Serial, attention
// is a sum as it stands. A prompt in several steps is charged, for its attention,
// A = max(Σ pairs, Σ cells), each at its price; its pieces take Σ max(pairs, cells) ≥ A
// in all, and each is charged the part of A that it has of that sum, which is at most
// what it takes. K too is divided among the items: of an item with c tokens and h cells
// that are not shared, the part is
//
//	c / S   or   1 / Batch   or   h / Pool
//
// or a mean of these with fixed weights. Over the items of any one step these
// parts add up to at most 1. So each unit u has a charge p(u), and the charges of
// what runs in a step add up to at most the time of the step.
//
// Let p(j) be the sum of job j's charges and tail(u) the critical path behind u.
// Spread each charge evenly over its step; the jobs' rates then add up to at most
// 1 at any time. At a time t at which u is charged, its step has not ended, so
// that job j ends no sooner than t + tail(u). Averaged over all charges of j:
//
//	end(j) ≥ M(j) + Σ p(u)·tail(u) / p(j)      M(j) the mean time of j's charges
//
// What remains is the least that Σ M(j) can be when a total rate of 1 is given to
// charges, none before its unit's release: arrival plus critical path before it.
// A charge of job j at time t adds t/p(j) for each second. Of two charges that are
// both released, exchanging them so that the one with the smaller p(j) comes first
// does not raise the sum. So the least is had by giving, at all times, the full
// rate to the released charges of the smallest p(j).
//
// Either way bounds the sum of all ends, and so does the second for each choice of
// θ and of the parts. The result is the largest over a grid of choices.
//
// Steps last whole nanoseconds, cut down. As no step is shorter than the shortest,
// a fixed ratio to all times of the model makes up for that.
//
// It is tight for lone jobs and for steps of one item. Near saturation it is loose,
// as it does not know that tokens generated together wait for each other.
func LowerBound(e *Engine, jobs []Job, limits Limits) programs.Duration {
	if len(jobs) == 0 {
		return 0
	}
	b := newBound(e, jobs)
	best := b.paths
	for _, price := range e.prices(limits, b.cut) {
		best = max(best, b.capacity(&price))
	}
	return programs.Seconds((best - b.arrivals) / float64(len(jobs)))
}

// bound is what the relaxations share. Times are in seconds.
type bound struct {
	engine   *Engine
	cut      float64   // what cutting to nanoseconds leaves of a step's time, at least
	arrivals float64   // sum
	paths    float64   // sum of the ends by critical paths
	jobs     []jobWork // in the order of the jobs
	releases []release // by time
}

// jobWork is all work of a job, and the work times the seconds of the critical
// path behind it.
type jobWork struct {
	work, tail work
}

// release is work that becomes possible: a prompt, or all that a turn generates,
// whose first token's release stands for all.
type release struct {
	at   float64
	job  int
	work work
}

// work is a load and its cells that are not shared.
type work struct {
	load
	held float64
}

// plus adds x times w.
func (sum *work) plus(w *work, x float64) {
	sum.items += x * w.items
	sum.tokens += x * w.tokens
	sum.pairs += x * w.pairs
	sum.cells += x * w.cells
	sum.attend += x * w.attend
	sum.held += x * w.held
}

// times is what w costs, where each of its counts costs as much as in price.
func (w *work) times(price *work) float64 {
	return w.items*price.items + w.tokens*price.tokens + w.pairs*price.pairs +
		w.cells*price.cells + w.attend*price.attend + w.held*price.held
}

func newBound(e *Engine, jobs []Job) *bound {
	b := &bound{engine: e, jobs: make([]jobWork, len(jobs))}
	shortest := e.generated(&Turn{}, 0)
	b.cut = max(0, 1-1e-9/e.seconds(&shortest.load, 1))
	for i := range jobs {
		b.add(i, &jobs[i])
	}
	slices.SortStableFunc(b.releases, func(x, y release) int { return cmp.Compare(x.at, y.at) })
	return b
}

// add walks the job's units from the last to the first, so that the critical path
// behind each is known.
func (b *bound) add(i int, job *Job) {
	j, first := &b.jobs[i], len(b.releases)
	behind := 0.0
	unit := func(w *work, steps float64) {
		j.work.plus(w, 1)
		j.tail.plus(w, behind)
		behind += b.engine.seconds(&w.load, steps) * b.cut
	}
	for k := len(job.Turns) - 1; k >= 0; k-- {
		t := &job.Turns[k]
		if k < len(job.Turns)-1 {
			behind += t.Gap.Seconds()
		}
		var all work
		for n := t.Output - 2; n >= 0; n-- {
			w := b.engine.generated(t, n)
			all.plus(&w, 1)
			unit(&w, 1)
		}
		b.releases = append(b.releases, release{at: -behind, job: i, work: all})
		w := b.engine.prompt(t)
		unit(&w, w.items)
		b.releases = append(b.releases, release{at: -behind, job: i, work: w})
	}
	end := programs.Duration(job.Arrive).Seconds() + behind
	for k := first; k < len(b.releases); k++ {
		b.releases[k].at += end
	}
	b.arrivals += end - behind
	b.paths += end
}

// generated is the step in which the turn's generated token n runs, counted from
// 0, for the one behind it.
func (e *Engine) generated(t *Turn, n programs.Tokens) (w work) {
	e.add(&w.load, Item{From: t.Prefix + t.Input + n, Count: 1})
	w.held = w.cells - float64(t.Shared)
	return w
}

// prompt is the least work of the turn's prompt. Its items are as many as its steps.
func (e *Engine) prompt(t *Turn) (w work) {
	step := e.StepTokens
	whole := Item{From: t.Prefix, Count: t.Input}
	if t.Input == 0 {
		whole = Item{From: max(0, t.Prefix-1), Count: 1}
	}
	w.load.count(whole)
	w.items = float64((whole.Count + step - 1) / step)
	w.cells = w.items*w.cells - float64(step)*w.items*(w.items-1)/2
	w.attend = e.attention(w.pairs, w.cells)
	w.held = w.cells - w.items*float64(t.Shared)
	return w
}

// prices gives, for a grid of relaxations, what each count of a work is charged:
// cut times its seconds.
func (e *Engine) prices(limits Limits, cut float64) []work {
	var prices []work
	for _, side := range e.sides() {
		constant := side.memory*e.WeightBytes/e.Bandwidth + e.constant()
		if e.Model == Serial {
			constant += side.compute * e.Kernels.Ramp * e.row()
		}
		for _, part := range limits.parts(e.StepTokens) {
			var price work
			price.plus(&part, constant*cut)
			price.items += e.itemConstant() * cut
			if e.Model == Serial {
				price.tokens += side.compute * e.row() * cut
				price.attend = cut
			} else {
				price.tokens += side.compute * e.TokenFlops / e.Flops * cut
				price.pairs += side.compute * e.AttnFlops / e.Flops * cut
				price.cells += side.memory * float64(e.KVBytes) / e.Bandwidth * cut
			}
			prices = append(prices, price)
		}
	}
	return prices
}

// side weighs a step's compute and its memory traffic: under Serial, those of its
// matrix products.
type side struct{ compute, memory float64 }

func (e *Engine) sides() []side {
	if e.Model == Sum {
		return []side{{1, 1}}
	}
	const grid = 10
	var sides []side
	for i := range grid + 1 {
		theta := float64(i) / grid
		sides = append(sides, side{theta, 1 - theta})
	}
	return sides
}

// parts gives ways to divide one among the items of a step: each way by itself,
// and half and half.
func (l Limits) parts(step programs.Tokens) []work {
	pure := []work{{load: load{tokens: 1 / float64(step)}}}
	if l.Batch > 0 {
		pure = append(pure, work{load: load{items: 1 / float64(l.Batch)}})
	}
	if l.Pool > 0 {
		pure = append(pure, work{held: 1 / float64(l.Pool)})
	}
	var parts []work
	for i := range pure {
		for k := range pure[:i+1] {
			var half work
			half.plus(&pure[i], 0.5)
			half.plus(&pure[k], 0.5)
			parts = append(parts, half)
		}
	}
	return parts
}

// capacity is the least sum of all ends on a server that does one second of
// charges a second: Σ M(j) of the schedule by smallest p(j), and the tails.
func (b *bound) capacity(price *work) float64 {
	total := make([]float64, len(b.jobs)) // p(j)
	sum := 0.0
	for j := range b.jobs {
		total[j] = b.jobs[j].work.times(price)
		if !(total[j] > 0) {
			return math.Inf(-1) // a job is free: no bound
		}
		sum += b.jobs[j].tail.times(price) / total[j]
	}

	ready := queue{total: total}
	left := make([]float64, len(b.jobs)) // released charges that are not done
	now := math.Inf(-1)
	serve := func(until float64) {
		for ready.Len() > 0 && now < until {
			j := ready.jobs[0]
			took := min(left[j], until-now)
			sum += took / total[j] * (now + took/2)
			now += took
			if left[j] -= took; left[j] <= 0 {
				heap.Pop(&ready)
			}
		}
		now = max(now, until)
	}
	for i := range b.releases {
		r := &b.releases[i]
		serve(r.at)
		charge := r.work.times(price)
		if left[r.job] <= 0 && charge > 0 {
			heap.Push(&ready, r.job)
		}
		left[r.job] += charge
	}
	serve(math.Inf(1))
	return sum
}

// queue is a heap of jobs, the one of the smallest total first.
type queue struct {
	total []float64
	jobs  []int
}

func (q *queue) Len() int           { return len(q.jobs) }
func (q *queue) Less(i, k int) bool { return q.total[q.jobs[i]] < q.total[q.jobs[k]] }
func (q *queue) Swap(i, k int)      { q.jobs[i], q.jobs[k] = q.jobs[k], q.jobs[i] }
func (q *queue) Push(job any)       { q.jobs = append(q.jobs, job.(int)) }
func (q *queue) Pop() any {
	last := q.jobs[len(q.jobs)-1]
	q.jobs = q.jobs[:len(q.jobs)-1]
	return last
}
