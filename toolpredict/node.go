package toolpredict

// node is what a level knows of the lengths that have been counted at it, as a
// mixture of four forecasts, each a refinement of what the level above says:
//
//	firm     all counts, worth their number beside 2 samples of the level above
//	shy      all counts, beside 16 samples
//	recent   the latest counts, beside 4 samples
//	nothing  the level above as it is
type node struct {
	all, recent counts
	trust       weights
}

// weights say how much each forecast is trusted; they add up to 1.
type weights [4]float64

var even = weights{0.25, 0.25, 0.25, 0.25}

// The forecasts' worth of the level above, in samples.
const (
	firm   = 2
	shy    = 16
	abrupt = 4
)

// Half-lives of counts, in samples.
const (
	longMemory  = 1000
	shortMemory = 20
)

// share is the part of the weights that is dealt out anew with each sample, so that
// a forecast that was useless can be the best one later.
const share = 0.01

// refine turns what the level above says into what this one says.
func (n *node) refine(p *dist) {
	above := n.trust[3]
	all := n.trust[0]/(n.all.sum+firm) + n.trust[1]/(n.all.sum+shy)
	above += n.trust[0]*firm/(n.all.sum+firm) + n.trust[1]*shy/(n.all.sum+shy)
	recent := n.trust[2] / (n.recent.sum + abrupt)
	above += n.trust[2] * abrupt / (n.recent.sum + abrupt)
	all /= n.all.unit()
	recent /= n.recent.unit()
	for i := range p {
		p[i] = above*p[i] + all*float64(n.all.n[i]) + recent*float64(n.recent.n[i])
	}
}

// learn counts a sample in bin b, of which the level above has said that its
// probability is above, and returns what this node had said. Its weights and those
// for new nodes of the level follow how well each forecast has done.
func (n *node) learn(b int, above float64, fresh *weights) (said float64) {
	all := float64(n.all.n[b]) / n.all.unit()
	said4 := weights{
		(all + firm*above) / (n.all.sum + firm),
		(all + shy*above) / (n.all.sum + shy),
		(float64(n.recent.n[b])/n.recent.unit() + abrupt*above) / (n.recent.sum + abrupt),
		above,
	}
	said = n.trust.follow(&said4, fresh)
	fresh.follow(&said4, &even)
	n.all.add(b, longMemory)
	n.recent.add(b, shortMemory)
	return said
}

// follow moves the weights to the forecasts that gave what came the higher
// probability, with a share of them as in base, and returns what the mixture had
// said (fixed share: Herbster and Warmuth, 1998).
func (w *weights) follow(said, base *weights) (mixed float64) {
	for i := range w {
		mixed += w[i] * said[i]
	}
	for i := range w {
		w[i] = (1-share)*w[i]*said[i]/mixed + share*base[i]
	}
	return mixed
}

// counts is a histogram that forgets: each sample weighs more than the one before,
// by the half-life, which is the same as if all before weighed less.
type counts struct {
	n    [bins]float32 // in units of 1/weight
	sum  float64       // of the counts, in samples
	last float64       // the weight of the latest sample; 0 before the first
}

// unit is what a sample now weighs in n.
func (c *counts) unit() float64 { return max(c.last, 1) }

func (c *counts) add(b int, halfLife float64) {
	keep := 1 - ln2/halfLife
	c.last = c.unit() / keep
	c.sum = c.sum*keep + 1
	c.n[b] += float32(c.last)
	if c.last > 1e12 {
		for i := range c.n {
			c.n[i] /= float32(c.last)
		}
		c.last = 1
	}
}

const ln2 = 0.6931471805599453
