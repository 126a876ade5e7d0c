package cost

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/interlude-run/interlude/programs"
)

// Sample is a measured step.
type Sample struct {
	Items []Item
	Took  programs.Duration
}

// Deviation is how far an engine's steps are from measured ones, in parts of the
// measured time: 0.1 is ten percent.
type Deviation struct {
	Mean  float64 // of the absolute deviations
	Worst float64
}

// ErrSamples is wrapped by Fit's errors about what it was given.
var ErrSamples = errors.New("samples do not determine an engine")

// Fit gives base with the rates under which its steps come closest to the
// samples, and how close that is. The sum of squared relative deviations is the
// least that there is without a negative rate.
//
// The engine has the model Sum: only then is a step's time linear in its work. From base come TokenFlops and KVBytes, which give the
// rates their units, and what has nothing to do with steps. WeightBytes is 0 and
// their reading a part of Overhead, which a step's time cannot be told apart from.
//
// The samples must differ in their items, their tokens and their contexts, each
// independently of the others: steps of one decode and of several, of short and
// of long prompts, each behind little and behind much. Steps of decodes alone, or
// of one prompt each, are not enough and give an error that wraps ErrSamples.
func Fit(base Engine, samples []Sample) (*Engine, Deviation, error) {
	if base.TokenFlops <= 0 || base.KVBytes <= 0 {
		return nil, Deviation{}, fmt.Errorf("fit %s: its operations a token (%v) and bytes a cell (%d) must be known", base.Name, base.TokenFlops, base.KVBytes)
	}
	work, ones, err := relative(samples)
	if err != nil {
		return nil, Deviation{}, fmt.Errorf("fit %s: %w", base.Name, err)
	}
	price, err := leastSquares(work, ones)
	if err != nil {
		return nil, Deviation{}, fmt.Errorf("fit %s: %w", base.Name, err)
	}
	e := base
	e.priced(price)
	return &e, e.Deviation(samples), nil
}

// Deviation compares the engine with measured steps.
func (e *Engine) Deviation(samples []Sample) Deviation {
	var d Deviation
	for i := range samples {
		off := math.Abs(e.Step(samples[i].Items).Seconds()/samples[i].Took.Seconds() - 1)
		d.Mean += off / float64(len(samples))
		d.Worst = max(d.Worst, off)
	}
	return d
}

// Columns of the regression, and prices in seconds for one of each.
const (
	perStep = iota
	perItem
	perToken
	perPair
	perCell
	columns
)

// priced sets the rates that prices stand for. A price of nothing is an infinite
// bandwidth; the price of a token is positive.
func (e *Engine) priced(price [columns]float64) {
	e.Model, e.Kernels, e.Fitted = Sum, Kernels{}, true
	e.WeightBytes = 0
	e.Overhead = price[perStep]
	e.ItemOverhead = price[perItem]
	e.Flops = e.TokenFlops / price[perToken]
	e.AttnFlops = e.Flops * price[perPair]
	e.Bandwidth = float64(e.KVBytes) / price[perCell]
}

// relative gives each sample's work divided by its time, a row each: times the
// right prices, it is all ones, and what is off is off in parts of the time.
func relative(samples []Sample) (work *mat.Dense, ones *mat.VecDense, err error) {
	if len(samples) < columns {
		return nil, nil, fmt.Errorf("%w: %d are fewer than the %d rates", ErrSamples, len(samples), columns)
	}
	work, ones = mat.NewDense(len(samples), columns, nil), mat.NewVecDense(len(samples), nil)
	for i := range samples {
		s := &samples[i]
		if s.Took <= 0 || len(s.Items) == 0 {
			return nil, nil, fmt.Errorf("%w: number %d took %v for %d items", ErrSamples, i, s.Took, len(s.Items))
		}
		var l load
		for _, item := range s.Items {
			if item.From < 0 || item.Count < 1 {
				return nil, nil, fmt.Errorf("%w: number %d runs %d tokens behind %d cells", ErrSamples, i, item.Count, item.From)
			}
			l.count(item)
		}
		row := [columns]float64{perStep: 1, perItem: l.items, perToken: l.tokens, perPair: l.pairs, perCell: l.cells}
		for c := range row {
			work.Set(i, c, row[c]/s.Took.Seconds())
		}
		ones.SetVec(i, 1)
	}
	return work, ones, nil
}

// worstCondition is the condition number of the scaled columns beyond which a
// percent of noise leaves nothing of a price.
const worstCondition = 1e4

// leastSquares gives the prices, none negative, that bring work times prices
// closest to ones. With so few columns every choice of those that are not zero
// can be tried, and the best one is the optimum.
func leastSquares(work *mat.Dense, ones *mat.VecDense) (best [columns]float64, err error) {
	scale := scaleColumns(work)
	if cond := mat.Cond(work, 2); !(cond < worstCondition) {
		return best, fmt.Errorf("%w: in them items, tokens and contexts go together (condition %.1g); vary each independently", ErrSamples, cond)
	}
	least := math.Inf(1)
	for free := range 1 << columns {
		price, residual, ok := solve(work, ones, free)
		if ok && residual < least {
			best, least = price, residual
		}
	}
	for c := range best {
		best[c] /= scale[c]
	}
	if !(best[perToken] > 0) {
		return best, fmt.Errorf("%w: in them a token costs nothing", ErrSamples)
	}
	return best, nil
}

// scaleColumns brings the columns to length one, for their condition to mean
// something, and gives the lengths that they had.
func scaleColumns(work *mat.Dense) (scale [columns]float64) {
	rows, _ := work.Dims()
	for c := range columns {
		scale[c] = mat.Norm(work.ColView(c), 2)
		for r := range rows {
			work.Set(r, c, work.At(r, c)/scale[c])
		}
	}
	return scale
}

// solve is least squares over the columns in the set free, all other prices being
// zero. It is not ok if a price comes out negative.
func solve(work *mat.Dense, ones *mat.VecDense, free int) (price [columns]float64, residual float64, ok bool) {
	var chosen []int
	for c := range columns {
		if free&(1<<c) != 0 {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return price, 0, false
	}
	rows, _ := work.Dims()
	part := mat.NewDense(rows, len(chosen), nil)
	for i, c := range chosen {
		part.SetCol(i, mat.Col(nil, c, work))
	}
	var x, off mat.VecDense
	if x.SolveVec(part, ones) != nil {
		return price, 0, false
	}
	for i, c := range chosen {
		if price[c] = x.AtVec(i); price[c] < 0 {
			return price, 0, false
		}
	}
	off.MulVec(part, &x)
	off.SubVec(&off, ones)
	return price, mat.Norm(&off, 2), true
}
