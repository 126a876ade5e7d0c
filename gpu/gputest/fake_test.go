package gputest

import (
	"testing"
)

func stall(e Engine) <-chan struct{} { return e.(*Fake).Block(1) }

func TestFakeConforms(t *testing.T) {
	odd := Small() // nothing is a multiple of anything that it need not be
	odd.Layers, odd.KVHeads, odd.HeadDim = 3, 2, 4
	odd.Granule, odd.Span, odd.MaxContext, odd.MaxStep = 5, 10, 83, 23
	odd.CellBytes = 4 + 4*2*3*2*4
	odd.PoolBytes = 301*odd.CellBytes + 17
	one := Small() // a span is a granule
	one.Granule, one.Span = 16, 16
	for name, g := range map[string]func() *Fake{
		"small": func() *Fake { return NewFake(Small()) },
		"odd":   func() *Fake { return NewFake(odd) },
		"one":   func() *Fake { return NewFake(one) },
	} {
		t.Run(name, func(t *testing.T) {
			Conform(t, func(*testing.T) Engine { return g() }, Options{End: g().End(), Stall: stall})
		})
	}
}
