package cost

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/interlude-run/interlude/programs"
)

// A job alone ends when its critical path does, to a part in 10⁷.
func TestLowerBoundIsExactForALoneJob(t *testing.T) {
	for _, e := range allModels(t) {
		job := Job{Arrive: 5e9, Turns: []Turn{
			{Input: e.StepTokens * 3, Output: 20, Gap: 7 * programs.Second},
			{Prefix: e.StepTokens*3 + 20, Input: 10, Output: 5},
		}}
		want := e.Prefill(0, e.StepTokens*3) + 7*programs.Second + e.Prefill(e.StepTokens*3+20, 10)
		for n := range programs.Tokens(19) {
			want += e.Decode(e.StepTokens*3 + n)
		}
		for n := range programs.Tokens(4) {
			want += e.Decode(e.StepTokens*3 + 30 + n)
		}
		got := LowerBound(e, []Job{job}, Limits{})
		if got > want || float64(got) < float64(want)*(1-1e-7) {
			t.Errorf("%s, %s: bound is %v, the job takes %v", e.Name, e.Model, got, want)
		}
	}
}

// Where a step has one item and its time is a sum, the capacity is known exactly:
// the shortest job goes first, and the bound is off by half a step a job.
func TestLowerBoundIsTightForStepsOfOneItem(t *testing.T) {
	e := tiny(Sum)
	var jobs []Job
	for size := range programs.Tokens(8) {
		jobs = append(jobs, Job{Turns: []Turn{{Prefix: 10, Output: 3*size + 4}}})
	}
	var end, sum, longest programs.Duration
	for i := range jobs {
		for n := range jobs[i].Turns[0].Output {
			step := e.Decode(9 + n)
			end += step
			longest = max(longest, step)
		}
		sum += end
	}
	exact := sum / programs.Duration(len(jobs))
	got := LowerBound(e, jobs, Limits{Batch: 1})
	if got > exact || got < exact-longest {
		t.Errorf("bound is %v; the best schedule has %v, in steps of at most %v", got, exact, longest)
	}
}

// No schedule of a small instance stays below the bound: all of them are tried.
func TestLowerBoundHoldsForAllSchedules(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	tightest, loosest := [3]float64{}, [3]float64{1, 1, 1} // by model
	for i := range 450 {
		e := tiny(Model(i % 3))
		e.WeightBytes, e.Overhead = float64(random.IntN(20)), float64(random.IntN(10))
		e.AttnFlops = float64(random.IntN(4)) / 4
		if e.Model == Serial {
			e.Kernels = Kernels{Tile: float64(random.IntN(4)), Ramp: float64(random.IntN(3)), Launch: float64(random.IntN(3)), Item: float64(random.IntN(3)) / 2}
			e.KVBytes, e.AttnFlops = programs.Bytes(random.IntN(3)), float64(random.IntN(8))/2
		}
		limits := Limits{Batch: random.IntN(3), Pool: programs.Tokens(random.IntN(2) * 20)}
		jobs := make([]Job, 1+random.IntN(3))
		for k := range jobs {
			jobs[k] = randomJob(random, 1+(i+k)%2)
		}
		bound := LowerBound(e, jobs, limits)
		best := optimum(e, jobs, limits)
		ratio := float64(bound) / float64(best)
		if bound > best {
			t.Fatalf("instance %d: bound is %v, a schedule has %v\nengine %+v\n%+v\njobs %+v", i, bound, best, *e, limits, jobs)
		}
		tightest[e.Model], loosest[e.Model] = max(tightest[e.Model], ratio), min(loosest[e.Model], ratio)
	}
	for m := range tightest {
		if tightest[m] < 0.99 || loosest[m] < 0.5 {
			t.Errorf("%s: bound/optimum is from %.2f to %.2f; want some at least 0.99 and none below 0.5", Model(m), loosest[m], tightest[m])
		}
	}
}

// tiny is an engine whose steps take seconds.
func tiny(m Model) *Engine {
	return &Engine{
		Name: "tiny", Flops: 1, Bandwidth: 1, TokenFlops: 5, AttnFlops: 0.25, KVBytes: 1, WeightBytes: 8,
		Model: m, Overhead: 2, ItemOverhead: 0.5, StepTokens: 3,
	}
}

func randomJob(random *rand.Rand, turns int) Job {
	j := Job{Arrive: programs.Time(random.IntN(3)) * programs.Time(10*programs.Second)}
	shared := programs.Tokens(random.IntN(2) * 2)
	context := shared
	for range turns {
		t := Turn{Prefix: context, Shared: shared, Input: programs.Tokens(random.IntN(6)), Output: programs.Tokens(1 + random.IntN(4))}
		if t.Prefix == 0 {
			t.Input++
		}
		context = t.Prefix + t.Input + t.Output - 1
		t.Gap = programs.Duration(random.IntN(3)) * 15 * programs.Second
		j.Turns = append(j.Turns, t)
	}
	j.Turns[len(j.Turns)-1].Gap = 0
	return j
}

// optimum is the least mean completion time of all schedules: whenever no step
// runs, every set of items with every count is tried, and waiting.
func optimum(e *Engine, jobs []Job, limits Limits) programs.Duration {
	s := search{engine: e, jobs: jobs, limits: limits, known: map[situation]programs.Duration{}}
	var start situation
	var arrivals programs.Duration
	for i := range jobs {
		start[i].wait = programs.Duration(jobs[i].Arrive)
		arrivals += start[i].wait
	}
	return (s.least(start) - arrivals) / programs.Duration(len(jobs))
}

// situation is how far each job is while no step runs.
type situation [3]progress

// progress is how far a job is. It keeps all cells that it ever computed.
type progress struct {
	turn      int
	ran, made programs.Tokens   // tokens of the turn's prompt that ran, and that came out
	wait      programs.Duration // until the turn arrives
}

type search struct {
	engine *Engine
	jobs   []Job
	limits Limits
	known  map[situation]programs.Duration
}

const never = programs.Duration(math.MaxInt64)

// least is the least sum, over the jobs that have not ended, of the times from
// now to their ends.
func (s *search) least(now situation) programs.Duration {
	if sum, ok := s.known[now]; ok {
		return sum
	}
	best, next := programs.Duration(0), never
	for i := range s.jobs {
		if now[i].turn < len(s.jobs[i].Turns) {
			best = never
			if now[i].wait > 0 {
				next = min(next, now[i].wait)
			}
		}
	}
	if best == never {
		if next < never {
			best = s.pass(now, now, next)
		}
		s.choose(now, 0, make([]programs.Tokens, len(s.jobs)), &best)
	}
	s.known[now] = best
	return best
}

// pass lets time go by, from the situation now to the situation after.
func (s *search) pass(now, after situation, took programs.Duration) programs.Duration {
	var sum programs.Duration
	for i := range s.jobs {
		if now[i].turn < len(s.jobs[i].Turns) {
			sum += took
		}
		if now[i] == after[i] {
			after[i].wait = max(0, after[i].wait-took)
		}
	}
	return sum + s.least(after)
}

// choose tries all counts for the jobs from i on, and then the step.
func (s *search) choose(now situation, i int, counts []programs.Tokens, best *programs.Duration) {
	if i == len(counts) {
		s.step(now, counts, best)
		return
	}
	most := programs.Tokens(0)
	if now[i].turn < len(s.jobs[i].Turns) && now[i].wait == 0 {
		_, most = s.next(i, now[i])
	}
	for counts[i] = 0; counts[i] <= most; counts[i]++ {
		s.choose(now, i+1, counts, best)
	}
	counts[i] = 0
}

// next is where the job goes on, and how many tokens may run at once.
func (s *search) next(i int, p progress) (from, most programs.Tokens) {
	t := &s.jobs[i].Turns[p.turn]
	switch {
	case p.made > 0:
		return t.Prefix + t.Input + p.made - 1, 1
	case t.Input == 0:
		return t.Prefix - 1, 1
	}
	return t.Prefix + p.ran, t.Input - p.ran
}

// step runs a step, if the limits allow it, and what is best behind it.
func (s *search) step(now situation, counts []programs.Tokens, best *programs.Duration) {
	var items []Item
	var tokens, held programs.Tokens
	after := now
	for i, count := range counts {
		if count == 0 {
			continue
		}
		t := &s.jobs[i].Turns[now[i].turn]
		from, most := s.next(i, now[i])
		items = append(items, Item{from, count})
		tokens += count
		held += from + count - t.Shared
		if after[i].ran += count; count == most {
			after[i].made++
		}
	}
	if len(items) == 0 || tokens > s.engine.StepTokens ||
		s.limits.Batch > 0 && len(items) > s.limits.Batch || s.limits.Pool > 0 && held > s.limits.Pool {
		return
	}
	for i := range s.jobs {
		if p := &after[i]; counts[i] > 0 && p.made == s.jobs[i].Turns[p.turn].Output {
			*p = progress{turn: p.turn + 1, wait: s.jobs[i].Turns[p.turn].Gap}
		}
	}
	*best = min(*best, s.pass(now, after, s.engine.Step(items)))
}

// Each limit is a fact that the bound uses, and so is each job more.
func TestLowerBoundUsesItsLimits(t *testing.T) {
	e := engine(t, "a100-8b")
	jobs := make([]Job, 40)
	for i := range jobs {
		jobs[i] = Job{Turns: []Turn{{Prefix: 40_000, Input: 100, Output: 300}}}
	}
	free := LowerBound(e, jobs, Limits{})
	for _, test := range []struct {
		name   string
		jobs   []Job
		limits Limits
		more   bool
	}{
		{"a batch limit", jobs, Limits{Batch: 4}, true},
		{"a pool", jobs, Limits{Pool: 100_000}, true},
		{"a batch limit that is never met", jobs, Limits{Batch: 512}, false},
		{"a pool that all fit", jobs, Limits{Pool: 1 << 40}, false},
		{"twice the jobs", append(jobs, jobs...), Limits{}, true},
	} {
		got := LowerBound(e, test.jobs, test.limits)
		if got < free || test.more && got < free*3/2 || !test.more && got > free {
			t.Errorf("%s: bound is %v, and %v without", test.name, got, free)
		}
	}
	if got := LowerBound(e, nil, Limits{}); got != 0 {
		t.Errorf("bound for no jobs is %v", got)
	}
}

// Only differences of times matter, before the origin and behind it.
func TestLowerBoundShiftsWithTime(t *testing.T) {
	e := engine(t, "cpu-135m")
	at := func(origin programs.Time) programs.Duration {
		jobs := make([]Job, 5)
		for i := range jobs {
			jobs[i] = Job{Arrive: origin + programs.Time(i)*1e9, Turns: []Turn{{Input: 500, Output: 50}}}
		}
		return LowerBound(e, jobs, Limits{})
	}
	want := at(0)
	for _, origin := range []programs.Time{-3600e9, 3600e9} {
		if got := at(origin); math.Abs(float64(got-want)) > 1e3 {
			t.Errorf("arriving from %v on, the bound is %d ns, and from 0 on %d ns", origin, got, want)
		}
	}
}
