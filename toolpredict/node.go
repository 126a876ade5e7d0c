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

// refine turns what the level above says into what this one says, and returns what each of
// its forecasts gives to an outcome.
func (n *node) refine(p *dist, o outcome) (said weights) {
	if n.all.gone == nil && n.recent.gone == nil && !o.givenUp {
		return n.refineReturned(p, o.bin)
	}
	firmly, shyly, lately := n.all.forecast(p, firm), n.all.forecast(p, shy), n.recent.forecast(p, abrupt)
	said = weights{o.chance(&firmly), o.chance(&shyly), o.chance(&lately), o.chance(p)}
	for i := range p {
		p[i] = n.trust[0]*firmly[i] + n.trust[1]*shyly[i] + n.trust[2]*lately[i] + n.trust[3]*p[i]
	}
	return said
}

// refineReturned is refine where nothing has been given up: then each forecast is a sum of
// counts and of the level above, and so is their mixture.
func (n *node) refineReturned(p *dist, bin int) (said weights) {
	all, recent := &n.all, &n.recent
	inAll, lately := float64(all.n[bin])/all.unit(), float64(recent.n[bin])/recent.unit()
	said = weights{
		(inAll + firm*p[bin]) / (all.sum + firm),
		(inAll + shy*p[bin]) / (all.sum + shy),
		(lately + abrupt*p[bin]) / (recent.sum + abrupt),
		p[bin],
	}
	ofAll := n.trust[0]/(all.sum+firm) + n.trust[1]/(all.sum+shy)
	ofRecent := n.trust[2] / (recent.sum + abrupt)
	above := n.trust[3] + ofRecent*abrupt + n.trust[0]*firm/(all.sum+firm) + n.trust[1]*shy/(all.sum+shy)
	ofAll /= all.unit()
	ofRecent /= recent.unit()
	for i := range bins {
		p[i] = above*p[i] + ofAll*float64(all.n[i]) + ofRecent*float64(recent.n[i])
	}
	p[never] *= above
	return said
}

// learn counts an outcome, and turns what the level above has said into what this node had
// said. Its weights and those for new nodes of the level follow how well each forecast has
// done.
func (n *node) learn(o outcome, p *dist, fresh *weights) {
	said := n.refine(p, o)
	n.trust.follow(&said, fresh)
	fresh.follow(&said, &even)
	n.all.add(o, longMemory)
	n.recent.add(o, shortMemory)
}

// follow moves the weights to the forecasts that gave what came the higher
// probability, with a share of them as in base (fixed share: Herbster and Warmuth, 1998).
func (w *weights) follow(said, base *weights) {
	mixed := 0.0
	for i := range w {
		mixed += w[i] * said[i]
	}
	for i := range w {
		w[i] = (1-share)*w[i]*said[i]/mixed + share*base[i]
	}
}
