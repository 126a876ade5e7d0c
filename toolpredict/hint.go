package toolpredict

// record is how a client's hints have done, for a tool or for all: the ratios of what came
// to what was said, and whether believing them has paid.
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

// clone is a record that goes on by itself.
func (r record) clone() record {
	for _, c := range [...]*counts{&r.ratios.all, &r.ratios.recent} {
		if c.gone != nil {
			gone := *c.gone
			c.gone = &gone
		}
	}
	return r
}

// blend mixes what the hint, in its bin, says into p.
func (r *record) blend(hint int, p *dist) {
	ratios := ratioPrior
	r.ratios.refine(&ratios, outcome{})
	for i := range p {
		p[i] *= 1 - r.belief
	}
	for i, q := range ratios[:bins] {
		p[min(max(i-middle+hint, 0), bins-1)] += r.belief * q
	}
	p[never] += r.belief * ratios[never]
}

// learn takes in how a call with the hint, in its bin, went, of which p was said without the
// hint. The belief moves towards whoever gave what came the higher probability.
func (r *record) learn(o outcome, hint int, p *dist) {
	over, ratios := o.over(hint), ratioPrior
	r.ratios.learn(over, &ratios, &r.fresh)
	with, without := over.chance(&ratios), o.chance(p)
	mixed := r.belief*with + (1-r.belief)*without
	r.belief = (1-share)*r.belief*with/mixed + share/2
}
