package toolpredict

// record is how a client's hints for a tool have done: the ratios of what came to
// what was said, and whether believing them has paid.
type record struct {
	ratios node    // in bins of the ratio; ratio 1 is in the middle
	fresh  weights // of ratios
	belief float64 // the weight of the hinted distribution beside the other
}

// middle is the bin of ratio 1.
const middle = bins / 2

// ratioPrior is what is thought of a client before it has said anything: right by a
// factor of three, mostly, and late more often than early.
var ratioPrior = lognormal(edges[middle]*1.2, 1)

func newRecord() record {
	return record{ratios: node{trust: even}, fresh: even, belief: 0.5}
}

// blend mixes what the hint, in its bin, says into p.
func (r *record) blend(hint int, p *dist) {
	ratios := ratioPrior
	r.ratios.refine(&ratios)
	for i := range p {
		p[i] *= 1 - r.belief
	}
	for i, q := range ratios {
		p[ratioOf(i, hint)] += r.belief * q
	}
}

// learn takes in a length in bin b, of a call with the hint in its bin, that would
// have been given the probability without without the hint.
func (r *record) learn(b, hint int, without float64) {
	ratio := min(max(b-hint+middle, 0), bins-1)
	with := r.ratios.learn(ratio, ratioPrior[ratio], &r.fresh)
	mixed := r.belief*with + (1-r.belief)*without
	r.belief = (1-share)*r.belief*with/mixed + share/2
}

// ratioOf is the bin of lengths that a bin of ratios is with a hint; what is beyond
// all bins is in the first or last.
func ratioOf(ratio, hint int) int { return min(max(ratio-middle+hint, 0), bins-1) }
