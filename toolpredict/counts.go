package toolpredict

// counts is a histogram that forgets: each sample weighs more than the one before,
// by the half-life, which is the same as if all before weighed less.
type counts struct {
	n    [bins]float32  // calls that returned in the bin, in units of 1/weight, and
	gone *[bins]float32 // that were watched to the end of it and no longer; nil before the first
	sum  float64        // of the counts, in samples
	last float64        // the weight of the latest sample; 0 before the first
}

// unit is what a sample now weighs in n.
func (c *counts) unit() float64 { return max(c.last, 1) }

// add counts a call. One that was given up within a bin counts in part as watched to the end of
// it, and in part to the end of the bin before; the start of the first is not worth counting.
func (c *counts) add(o outcome, halfLife float64) {
	if c.last > 1e12 {
		c.rescale()
	}
	keep := 1 - ln2/halfLife
	c.last = c.unit() / keep
	c.sum *= keep
	if !o.givenUp {
		c.n[o.bin] += float32(c.last)
		c.sum++
		return
	}
	if c.gone == nil {
		c.gone = new([bins]float32)
	}
	c.gone[o.bin] += float32((1 - o.left) * c.last)
	c.sum += 1 - o.left
	if o.bin > 0 {
		c.gone[o.bin-1] += float32(o.left * c.last)
		c.sum += o.left
	}
}

// rescale counts in samples again.
func (c *counts) rescale() {
	for _, of := range [...]*[bins]float32{&c.n, c.gone} {
		for i := 0; of != nil && i < bins; i++ {
			of[i] /= float32(c.last)
		}
	}
	c.last = 1
}

const ln2 = 0.6931471805599453

// forecast is what the counts say beside prior samples of the level above.
//
// Calls that were given up say that they had not returned until then, and nothing of what would
// have come. So it is the chance h of a return in a bin that is estimated, among those
// that were still watched in it, and the chance of a bin is that times the chance of none
// before:
//
//	h[i] = (returned in i + prior·above[i]) / (watched in i + prior·above[i …])
//	p[i] = h[i] · Π (1 − h[j]) over j < i,    p[never] = Π (1 − h[j]) over all j
//
// Without a prior that is the estimator of Kaplan and Meier (Nonparametric estimation from
// incomplete observations, JASA 1958); with it the Bayesian one for a Dirichlet process
// (Susarla and Van Ryzin, JASA 1976; in this form the beta-Stacy process of Walker and Muliere,
// Annals of Statistics 1997). Where nothing is censored it is (n[i] + prior·above[i]) /
// (sum + prior). What it leaves over behind the longest watch is the part that never returns
// (Maller and Zhou, Biometrika 1992), as far as the level above does not know better.
//
//	10 calls return at 1 s, 5 at 100 s, 5 are given up at 10 s
//	h = 10/20 at 1 s, and 5/5 at 100 s:   p = 1/2, 1/2, never 0
//
//	10 calls return at 1 s, 5 at 100 s, 5 are given up at 1000 s
//	h = 10/20 at 1 s, and 5/10 at 100 s:  p = 1/2, 1/4, never 1/4
//
// It holds for calls that are given up without regard to when they would return. A client
// that ends a program says that it would not have come back; but then its memory is given back
// too, and the chance of a return while it is waited for is right.
func (c *counts) forecast(above *dist, prior float64) (p dist) {
	unit := c.unit()
	if c.gone == nil {
		all := 1 / (c.sum + prior)
		for i, n := range c.n {
			p[i] = float64(n)*(all/unit) + above[i]*(prior*all)
		}
		p[never] = above[never] * (prior * all)
		return p
	}
	var watched [bins + 1]float64 // in samples, and prior samples
	watched[bins] = prior * max(above[never], leastNever)
	for i := bins - 1; i >= 0; i-- {
		watched[i] = watched[i+1] + (float64(c.n[i])+float64(c.gone[i]))/unit + prior*above[i]
	}
	none := 1.0
	for i, n := range c.n {
		h := (float64(n)/unit + prior*above[i]) / watched[i]
		p[i] = none * h
		none *= 1 - h
	}
	p[never] = none
	return p
}

// leastNever is what never has of the level above, at least, where calls were given up.
// Where none was, a forecast has next to nothing there, and less than in the lengths beyond
// an hour that it cannot rule out; but who is gone for longer than anybody who came back is
// taken to be gone for good.
const leastNever = 0.01
