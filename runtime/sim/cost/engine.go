package cost

import "github.com/interlude-run/interlude/programs"

// Engine is a model on a machine. Rates are what is sustained, not peaks. No
// parameter is negative; Flops, Bandwidth and StepTokens are positive.
type Engine struct {
	Name string

	Flops      float64 // floating point operations a second
	Bandwidth  float64 // bytes a second, from the device's memory
	TokenFlops float64 // operations a token, attention not included
	AttnFlops  float64 // operations a token and cell that it attends to

	WeightBytes float64        // read by each step; 0 where Overhead has their reading
	KVBytes     programs.Bytes // a cell: keys and values of one token in all layers

	Overlap      bool    // compute and memory traffic go on at once
	Overhead     float64 // seconds a step
	ItemOverhead float64 // seconds an item of a step

	HostBytes   float64           // bytes a second, between device and host memory
	DiskBytes   float64           // bytes a second, between device and disk
	MoveLatency programs.Duration // before the first byte of a move

	// What a simulation takes where it is not told otherwise.
	StepTokens programs.Tokens // most tokens a step
	Pool       programs.Tokens // cells on the device
	MaxContext programs.Tokens // of a program
	Span       programs.Tokens // a fork shares whole spans only; 0 is 512
}

// Item is one sequence's part of a step.
type Item struct {
	From  programs.Tokens // cells that it has
	Count programs.Tokens // tokens that run, at least 1
}

// Step is how long a step with these items takes, cut to whole nanoseconds.
func (e *Engine) Step(items []Item) programs.Duration {
	var l load
	for i := range items {
		l.add(items[i])
	}
	return programs.Seconds(e.seconds(&l, 1))
}

// Prefill is how long n tokens behind from cells take alone, in the fewest steps.
func (e *Engine) Prefill(from, n programs.Tokens) programs.Duration {
	var sum programs.Duration
	for n > 0 {
		chunk := min(n, e.StepTokens)
		sum += e.one(Item{From: from, Count: chunk})
		from += chunk
		n -= chunk
	}
	return sum
}

// Decode is how long one token behind context cells takes alone.
func (e *Engine) Decode(context programs.Tokens) programs.Duration {
	return e.one(Item{From: context, Count: 1})
}

func (e *Engine) one(item Item) programs.Duration {
	var l load
	l.add(item)
	return programs.Seconds(e.seconds(&l, 1))
}

// Link is a way to a lower memory tier.
type Link int

const (
	HostLink Link = iota
	DiskLink
)

// Transfer is how long a move over the link takes when nothing else is on it,
// either way.
func (e *Engine) Transfer(size programs.Bytes, over Link) programs.Duration {
	rate := e.HostBytes
	if over == DiskLink {
		rate = e.DiskBytes
	}
	return e.MoveLatency + programs.Seconds(float64(size)/rate)
}

// load is the work of a step, or of several. Counts are floats as they are only
// ever multiplied by rates.
type load struct {
	items  float64
	tokens float64
	pairs  float64 // of a token and a cell that it attends to
	cells  float64 // that are read
}

func (l *load) add(item Item) {
	from, count := float64(item.From), float64(item.Count)
	l.items++
	l.tokens += count
	l.pairs += from*count + count*count/2
	l.cells += from + count
}

// seconds is the time of a step with this load, and the least time of several steps
// that have it together.
func (e *Engine) seconds(l *load, steps float64) float64 {
	compute := (l.tokens*e.TokenFlops + l.pairs*e.AttnFlops) / e.Flops
	memory := (steps*e.WeightBytes + l.cells*float64(e.KVBytes)) / e.Bandwidth
	work := compute + memory
	if e.Overlap {
		work = max(compute, memory)
	}
	return work + steps*e.Overhead + l.items*e.ItemOverhead
}
