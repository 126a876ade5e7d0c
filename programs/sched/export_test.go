package sched

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// Tenants is how many tenants the set knows of.
func (w *WorkingSet) Tenants() int { return len(w.parts) }

// Check compares what the set would answer with what a walk over all parts says, and tells
// of the first difference. It changes no answer.
func (w *WorkingSet) Check(now programs.Time) error {
	var parts []*part
	for _, t := range w.parts {
		parts = append(parts, t)
	}
	slices.SortFunc(parts, func(a, b *part) int { return cmp.Compare(a.tenant, b.tenant) })
	limits := w.plainLimits(parts)
	inside := func(t *part, p *Program) bool {
		edge := t.order.Reach(limits[t] - t.runs())
		return edge == nil || memberOf(p).seat.Rank().Compare(edge.Rank()) < 0
	}
	compare := func(a, b *Program) int { return memberOf(a).seat.Rank().Compare(memberOf(b).seat.Rank()) }

	var next, waits, outside, idle, queued *Program
	for _, t := range parts {
		for _, p := range []*Program{first(&t.idle), first(&t.queued)} {
			if p != nil && !inside(t, p) && (outside == nil || compare(p, outside) > 0) {
				outside = p
			}
		}
		t.idle.Sorted(func(p *Program) bool {
			if idle == nil || memberOf(p).lent.worth.Rank().Compare(memberOf(idle).lent.worth.Rank()) < 0 {
				idle = p
			}
			return true
		})
		if p := first(&t.queued); p != nil && (queued == nil || compare(p, queued) > 0) {
			queued = p
		}
		p := first(&t.waiting)
		if p == nil {
			continue
		}
		if waits == nil || compare(p, waits) < 0 {
			waits = p
		}
		turns := func(t *part) float64 { return float64(len(t.running)+1) / t.share.Weight }
		if inside(t, p) {
			if other := w.parts[p.Tenant]; next != nil {
				other = w.parts[next.Tenant]
				if turns(t) > turns(other) || turns(t) == turns(other) && compare(p, next) > 0 {
					continue
				}
			}
			next = p
		}
	}
	victim := cmp.Or(outside, idle, queued)
	if got := w.Victim(now); got != victim {
		return fmt.Errorf("the victim is %s, want %s", name(got), name(victim))
	}
	if got := w.head(false); got != next {
		return fmt.Errorf("next is %s, want %s", name(got), name(next))
	}
	if got := w.head(true); got != cmp.Or(next, waits) {
		return fmt.Errorf("where nothing runs next is %s, want %s", name(got), name(cmp.Or(next, waits)))
	}
	for _, t := range parts {
		if got := w.limit(t); w.needs.Len() > 1 && got != limits[t] {
			return fmt.Errorf("the limit of %q is %d, want %d", t.tenant, got, limits[t])
		}
	}
	return nil
}

func name(p *Program) programs.ProgramID {
	if p == nil {
		return "nobody"
	}
	return p.ID
}

// plainLimits divides the pool by a list of the parts that is sorted by what they need for their
// weight.
func (w *WorkingSet) plainLimits(parts []*part) map[*part]int64 {
	limits := map[*part]int64{}
	var open []*part
	weights := new(big.Rat)
	weight := func(t *part) *big.Rat { return new(big.Rat).SetFloat64(t.share.Weight) }
	needs := func(t *part) int64 { return t.runs() + t.order.Sum() }
	cells := func(t *part) *big.Rat { return new(big.Rat).SetInt64(t.share.bound(needs(t))) }
	for _, t := range parts {
		if needs(t) > 0 {
			open = append(open, t)
			weights.Add(weights, weight(t))
		}
	}
	slices.SortStableFunc(open, func(a, b *part) int {
		return new(big.Rat).Quo(cells(a), weight(a)).Cmp(new(big.Rat).Quo(cells(b), weight(b)))
	})
	left := new(big.Rat).SetInt64(int64(w.rules.Pool * float64(w.env.Pool())))
	for i, t := range open {
		share := new(big.Rat).Quo(left, weights)
		share.Mul(share, weight(t))
		if cells(t).Cmp(share) > 0 { // for it, and for those behind it, there is not enough
			for _, t := range open[i:] {
				share := new(big.Rat).Quo(left, weights)
				share.Mul(share, weight(t))
				limits[t] = new(big.Int).Quo(share.Num(), share.Denom()).Int64()
			}
			break
		}
		limits[t] = t.share.bound(needs(t))
		left.Sub(left, cells(t))
		weights.Sub(weights, weight(t))
	}
	if len(open) == 1 {
		limits[open[0]] = open[0].share.bound(int64(w.rules.Pool * float64(w.env.Pool())))
	}
	for _, t := range open {
		head := first(&t.waiting)
		if head == nil || len(t.running) > 0 {
			continue
		}
		if seat := &memberOf(head).seat; t.order.Before(seat.Rank()) == 0 {
			limits[t] = max(limits[t], seat.Weight())
		}
	}
	return limits
}

// Weighed tells of the first part whose first that waits does not take what it needs by the
// growth that is known, as all do when Next has been asked.
func (w *WorkingSet) Weighed() error {
	for _, t := range w.parts {
		if p := first(&t.waiting); p != nil && memberOf(p).seat.Weight() != w.need(p) {
			return fmt.Errorf("%s takes %d, and needs %d", p.ID, memberOf(p).seat.Weight(), w.need(p))
		}
	}
	return nil
}
