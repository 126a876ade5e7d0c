package anchor

import "math"

// Deviation is how far moved values are from true ones, ‖now − moved‖ / ‖now‖ over all of
// them. It is 0 where both are 0.
//
// For runs of other programs it tells bases that are good enough from others: with values of
// the first 8 to 16 tokens at CheckLayer, AUC 0.96 over 66 samples of several kinds of base. It
// tells the kind of base and not the text, and of a program's own edited text it tells nothing.
func Deviation(now, moved []float32) float64 {
	var apart, size float64
	for i := range now {
		d := float64(now[i]) - float64(moved[i])
		apart += d * d
		size += float64(now[i]) * float64(now[i])
	}
	if apart == 0 {
		return 0
	}
	return math.Sqrt(apart / size)
}

// MostStrayed is the largest Deviation, at CheckLayer, with which another program's text is
// moved. In experiments with bases of many kinds, those that gave good answers strayed by 0.14
// to 0.25, others by 0.26 to 0.48.
const MostStrayed = 0.25

// CheckLayer is the layer whose values are compared, of a model with so many: the ninth of
// thirty. The first tells nothing, as its values follow from the token alone.
func CheckLayer(layers int) int { return min(max(layers*8/30, 1), layers-1) }
