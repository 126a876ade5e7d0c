package sched

import (
	"slices"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// CacheWise serves first who needs the least new memory, and takes memory from who comes
// back last (Tiwari et al., CacheWise, arXiv 2606.16824, section 5, by public accounts of
// it). Of the turns that wait, the next is the one with the fewest tokens of its context not
// in memory, then the first to arrive. Memory is taken from the program that is expected to
// need it again last: from those that wait for a person, then from those whose tool runs, by
//
//	E[T − t | T > t]
//
// for a call that has run for t, where T is distributed as earlier calls of that tool with
// such arguments; and then from those that wait. Expectations are taken anew in every
// third plan. Until a kind of arguments has samples enough, those of all calls of the tool
// stand in, and before that those of all tools; until there is any, who used its memory
// longest ago is first. A call that has outlasted all others has nothing to come.
//
// What the name does not do of the paper: kinds of arguments are clusters of their text
// there, learnt beforehand from four fifths of the sessions, and the classes that the
// client gives here, learnt as they come. The released code (cachewise-project/vllm at
// 16cc7d4) goes by the most tokens in memory where the paper goes by the fewest that are
// missing, and scores tools by a hash of their names. Neither bounds how long a newcomer
// waits, and this does not.
type CacheWise struct {
	Queues
	all   durations
	tools byTool[durations]
	kinds byTool[durations] // by tool and class of arguments
	plans int
	idle  []*Program // of rebuild
}

const (
	cacheWisePlans   = 3  // from one rebuild to the next
	cacheWiseSamples = 30 // of a kind of arguments, before its own distribution is used
)

// reuse is a program as CacheWise sees it.
type reuse struct {
	Place
	gone  bool              // in an interlude
	known bool              // in is
	in    programs.Duration // until its next turn comes, as far as is expected
}

// NewCacheWise makes the policy.
func NewCacheWise(Env) Policy {
	return &CacheWise{
		Queues: NewQueues(byMissing, byReuse, LatestReturn), tools: byTool[durations]{}, kinds: byTool[durations]{},
	}
}

// Put implements Policy.
func (c *CacheWise) Put(now programs.Time, p *Program) {
	s := StateOf[reuse](p)
	gone := p.Phase == programs.Interlude
	if s.gone && p.Waits() && !p.Gap.Human {
		gap := p.Turn.Arrived.Sub(p.Gap.Since).Seconds()
		c.all.add(gap)
		c.tools.of(p.Gap.Tool).add(gap)
		c.kinds.of(kindOf(p)).add(gap)
	}
	s.gone = gone
	c.expect(now, p)
	c.Queues.Put(now, p)
}

// Rank implements Policy: turns run in the order of their admission.
func (c *CacheWise) Rank(p *Program) programs.Rank { return p.Rank(0, p.Turn.Admitted) }

// Lapse implements Policy: nothing is held, and expectations are taken anew.
func (c *CacheWise) Lapse(now programs.Time) *Program {
	if c.plans%cacheWisePlans == 0 {
		c.rebuild(now)
	}
	c.plans++
	return nil
}

// rebuild puts those that lend memory in the order of what is expected now.
func (c *CacheWise) rebuild(now programs.Time) {
	c.idle = c.idle[:0]
	c.lent.All(func(e *order.Entry[*Program]) {
		if StateOf[reuse](e.Value).gone {
			c.idle = append(c.idle, e.Value)
		}
	})
	for _, p := range c.idle {
		c.expect(now, p)
		c.Queues.Put(now, p)
	}
}

// expect brings up to date when the next turn of an idle program is to come.
func (c *CacheWise) expect(now programs.Time, p *Program) {
	s := StateOf[reuse](p)
	if !s.gone {
		return
	}
	known := &c.all
	if tool := c.tools[p.Gap.Tool]; tool != nil {
		known = tool
	}
	if kind := c.kinds[kindOf(p)]; kind != nil && len(kind.sorted) >= cacheWiseSamples {
		known = kind
	}
	s.known = len(known.sorted) > 0
	s.in = programs.Seconds(known.rest(now.Sub(p.Gap.Since).Seconds()))
}

// rest is the mean of what the samples above t have beyond it; 0 of none.
func (d *durations) rest(t float64) float64 {
	at, _ := slices.BinarySearch(d.sorted, t)
	sum, n := 0.0, 0
	for _, x := range d.sorted[at:] {
		if x > t {
			sum, n = sum+x-t, n+1
		}
	}
	return sum / max(1, float64(n))
}

func kindOf(p *Program) string { return p.Gap.Tool + "\x00" + p.Gap.Class }

// byMissing ranks by how many cells the turn lacks, then by its arrival.
func byMissing(p *Program) programs.Rank {
	return p.Rank(int(max(0, p.Turn.Context-max(p.Cells, p.Turn.Forkable))), p.Turn.Arrived)
}

// byReuse ranks those last that come back last: behind turns that wait, those whose tool
// runs, and then those that wait for a person. Of whom nothing is known, and among equals,
// the least recently used is last.
func byReuse(p *Program) programs.Rank {
	s := StateOf[reuse](p)
	switch {
	case !s.gone:
		return p.Rank(0, -p.Used)
	case p.Gap.Human:
		return p.Rank(2, -p.Used)
	case !s.known:
		return p.Rank(1, -p.Used)
	}
	return p.Rank(1, programs.Time(s.in))
}
