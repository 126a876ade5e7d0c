package cost

import "github.com/interlude-run/interlude/programs"

// Engine is a model on a machine. Rates are what is sustained, not peaks. No
// parameter is negative; Flops, Bandwidth and StepTokens are positive.
type Engine struct {
	Name   string
	Fitted bool // to measured steps; the rates of others are data sheets', with no measurement behind them

	Flops      float64 // floating point operations a second
	Bandwidth  float64 // bytes a second, from the device's memory
	TokenFlops float64 // operations a token, attention not included
	AttnFlops  float64 // operations a token and cell that it attends to

	WeightBytes float64        // read by each step; 0 where Overhead has their reading
	KVBytes     programs.Bytes // a cell: keys and values of one token in all layers

	Model        Model   // how a step's time follows from its work
	Overhead     float64 // seconds a step
	ItemOverhead float64 // seconds an item of a step
	Kernels      Kernels // of the model Serial alone

	HostBytes   float64           // bytes a second, between device and host memory
	DiskBytes   float64           // bytes a second, between device and disk
	MoveLatency programs.Duration // before the first byte of a move
	Paging      Paging            // how moves are cut up
	Duplex      bool              // moves to a tier and moves back go on at once

	// What a simulation takes where it is not told otherwise.
	StepTokens programs.Tokens // most tokens a step
	Pool       programs.Tokens // cells on the device
	MaxContext programs.Tokens // of a program
	Span       programs.Tokens // a fork shares whole spans only; 0 is 512
}

// Paging is how a move is cut up where the cells of a context do not lie side by side:
// in pages, each of which is copied by itself. The zero Paging moves in one piece.
type Paging struct {
	Cells   programs.Tokens   // of a page
	Latency programs.Duration // of a page, beside its bytes
	Packing float64           // part of the host link's rate that is left; 0 is all
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
		e.add(&l, items[i])
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
	e.add(&l, item)
	return programs.Seconds(e.seconds(&l, 1))
}

// Link is a way to a lower memory tier.
type Link int

const (
	HostLink Link = iota
	DiskLink
)

// Transfer is how long a move of cells over the link takes when nothing else is on
// it, either way.
func (e *Engine) Transfer(cells programs.Tokens, over Link) programs.Duration {
	took := e.MoveLatency + programs.Seconds(float64(cells)*float64(e.KVBytes)/e.linkBytes(over))
	if page := e.Paging.Cells; page > 0 {
		took += programs.Duration((cells+page-1)/page) * e.Paging.Latency
	}
	return took
}

// LinkRate is the bytes a second of long moves over the link.
func (e *Engine) LinkRate(over Link) float64 {
	cell := float64(e.KVBytes) / e.linkBytes(over)
	if e.Paging.Cells > 0 {
		cell += e.Paging.Latency.Seconds() / float64(e.Paging.Cells)
	}
	return float64(e.KVBytes) / cell
}

func (e *Engine) linkBytes(over Link) float64 {
	if over == DiskLink {
		return e.DiskBytes
	}
	if e.Paging.Packing > 0 {
		return e.HostBytes * e.Paging.Packing
	}
	return e.HostBytes
}
