package core

import "math"

// regression is a least-squares fit of z = scale · (a + b·x + d·y) in which older samples
// count for less: half after 200 newer ones. The scale follows each sample.
type regression struct {
	scale                       float64
	n                           float64
	x, y, z, xx, xy, yy, xz, yz float64
	a, b, d                     float64
}

const forgetting = 0.99654 // its 200th power is a half

func (r *regression) known() bool { return r.n >= 8 }

func (r *regression) sums() [9]*float64 {
	return [...]*float64{&r.n, &r.x, &r.y, &r.z, &r.xx, &r.xy, &r.yy, &r.xz, &r.yz}
}

func (r *regression) add(x, y, z float64) {
	if r.known() {
		r.scale *= math.Pow(min(max(z/r.at(x, y), 1.0/16), 16), scaleGain)
	}
	z /= r.scale
	for _, sum := range r.sums() {
		*sum *= forgetting
	}
	r.n++
	r.x, r.y, r.z = r.x+x, r.y+y, r.z+z
	r.xx, r.xy, r.yy = r.xx+x*x, r.xy+x*y, r.yy+y*y
	r.xz, r.yz = r.xz+x*z, r.yz+y*z
	r.fit()
}

// fit solves the normal equations about the means. Where the samples do not tell a
// coefficient, or would make it negative, it is 0.
func (r *regression) fit() {
	mx, my, mz := r.x/r.n, r.y/r.n, r.z/r.n
	sxx, syy, sxy := r.xx/r.n-mx*mx, r.yy/r.n-my*my, r.xy/r.n-mx*my
	sxz, syz := r.xz/r.n-mx*mz, r.yz/r.n-my*mz
	r.b, r.d = 0, 0
	if det := sxx*syy - sxy*sxy; det > 1e-6*sxx*syy {
		r.b, r.d = (sxz*syy-syz*sxy)/det, (syz*sxx-sxz*sxy)/det
	}
	if !(r.b > 0 && r.d > 0) {
		r.b, r.d = 0, 0
		if syy > 0 {
			r.d = math.Max(0, syz/syy)
		}
	}
	r.a = mz - r.b*mx - r.d*my
}

// at is the fit's value, and no less than half of the mean.
func (r *regression) at(x, y float64) float64 {
	return r.scale * math.Max(r.a+r.b*x+r.d*y, r.z/r.n/2)
}
