package cost

import (
	"fmt"
	"math"
	"strings"

	"github.com/interlude-run/interlude/programs"
)

// Model is how a step's time follows from its work; the package's comment has the
// formulas.
type Model uint8

// The models.
const (
	Sum    Model = iota // arithmetic and memory traffic, one after the other: a processor
	Max                 // both at once, the whole step long: a graphics processor without kernels
	Serial              // kernels one after the other, each of which has both at once
)

var models = [...]string{Sum: "sum", Max: "max", Serial: "serial"}

func (m Model) String() string { return models[m] }

// ModelByName finds a model.
func ModelByName(name string) (Model, error) {
	for m := range models {
		if models[m] == name {
			return Model(m), nil
		}
	}
	return 0, fmt.Errorf("no cost model is called %q; there are %s", name, strings.Join(ModelNames(), ", "))
}

// ModelNames lists the models.
func ModelNames() []string { return models[:] }

// Kernels is what the kernels of a step cost beyond their work. All of it is of the
// model [Serial].
type Kernels struct {
	Tile   float64 // rows that a matrix product takes at least, and by which it grows; 0 is 1
	Ramp   float64 // rows that it loses to filling the device, Hockney's n½
	Launch float64 // seconds a step, between kernels
	Item   float64 // seconds an item: its part in preparing a step, in sampling and in text
}

// saturated is the rows of a step in which an engine's Flops are sustained.
const saturated = 512

// load is the work of a step, or of several. Counts are floats as they are only
// ever multiplied by rates.
type load struct {
	items  float64
	tokens float64
	pairs  float64 // of a token and a cell that it attends to
	cells  float64 // that are read
	attend float64 // seconds of attention, where each item is a kernel of its own
}

// count adds the item's work.
func (l *load) count(item Item) (pairs, cells float64) {
	from, count := float64(item.From), float64(item.Count)
	pairs, cells = from*count+count*count/2, from+count
	l.items++
	l.tokens += count
	l.pairs += pairs
	l.cells += cells
	return pairs, cells
}

// add adds the item's work and its time of attention.
func (e *Engine) add(l *load, item Item) {
	l.attend += e.attention(l.count(item))
}

// attention is the seconds of a kernel that attends to cells. Nothing outside of it
// hides the slower of its arithmetic and its reading.
func (e *Engine) attention(pairs, cells float64) float64 {
	return max(pairs*e.AttnFlops/e.Flops, cells*float64(e.KVBytes)/e.Bandwidth)
}

// seconds is the time of a step with this load, and the least time of several steps
// that have it together.
func (e *Engine) seconds(l *load, steps float64) float64 {
	reading := steps * e.WeightBytes / e.Bandwidth
	fixed := steps*e.constant() + l.items*e.itemConstant()
	if e.Model == Serial {
		return max((e.rows(l.tokens)+steps*e.Kernels.Ramp)*e.row(), reading) + l.attend + fixed
	}
	compute := (l.tokens*e.TokenFlops + l.pairs*e.AttnFlops) / e.Flops
	memory := reading + l.cells*float64(e.KVBytes)/e.Bandwidth
	if e.Model == Max {
		return max(compute, memory) + fixed
	}
	return compute + memory + fixed
}

// rows is what matrix products take for so many tokens.
func (e *Engine) rows(tokens float64) float64 {
	if e.Kernels.Tile <= 1 {
		return tokens
	}
	return math.Ceil(tokens/e.Kernels.Tile) * e.Kernels.Tile
}

// Tile is how many tokens of a step take as long as one does; 1 in a model without kernels.
func (e *Engine) Tile() programs.Tokens {
	if e.Model != Serial {
		return 1
	}
	return max(1, programs.Tokens(e.Kernels.Tile))
}

// row is the seconds of arithmetic of one row in matrix products without end.
func (e *Engine) row() float64 {
	return e.TokenFlops / e.Flops * saturated / (saturated + e.Kernels.Ramp)
}

// constant is the seconds of a step whatever it has to do.
func (e *Engine) constant() float64 {
	if e.Model == Serial {
		return e.Overhead + e.Kernels.Launch
	}
	return e.Overhead
}

// itemConstant is the seconds of an item whatever it has to do.
func (e *Engine) itemConstant() float64 {
	if e.Model == Serial {
		return e.ItemOverhead + e.Kernels.Item
	}
	return e.ItemOverhead
}
