package gputest

import (
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Options say what an engine is allowed. The zero value demands that the same
// context gives the same bits however it came about, as the fake's does.
type Options struct {
	// End is a token that ends a generation.
	End engine.Token

	// Each tolerance bounds the largest difference of two rows of values, over
	// the largest magnitude of the expected row. 0 demands equal bits.
	//
	// What promises the same bits has none: Save and Load, forks, moves within the pool,
	// V that is placed and K that is placed where it was, patches that are run again, and
	// sequences that a call does not name.
	Logits float32 // of one context, computed in steps of different shapes
	KV     float32 // likewise, read back, any layer; and patched
	First  float32 // V of the first layer, likewise, which follows from the token alone
	Rotate float32 // K placed at another position, and K of the first layer computed there
	Delta  float32 // after a delta was added

	// Stall arranges that the next step of e is still running when Interrupt
	// comes, and closes running when it is. nil: the suite interrupts without
	// pause for as long as a step of MaxStep tokens takes.
	Stall func(e Engine) (running <-chan struct{})

	// Walk is the length of the random walk, in operations; 0: 300.
	Walk int
}

// Rounded are the tolerances of an engine whose keys are rounded to 8 bits, and
// whose products round their input so: kernels differ by the number of rows, and
// what differs in the last bit of one layer may be another step of 127 in the next.
var Rounded = Options{Logits: 0.05, KV: 0.06, First: 0.002, Rotate: 0.015, Delta: 0.015}

// Conform holds an engine to the promises of package engine, one subtest each.
// Every operation of every subtest is followed by Check and by a comparison of
// all lengths, capacities and bytes with a naive ledger.
//
// open is called once per subtest. It may return the same engine again, for
// every subtest releases the sequences that it made, and closes it by t.Cleanup
// if it is to be closed. Since what is shared and what is long is what may break,
// contexts must have room for 4 spans, and for MaxStep cells and a granule, and
// the pool for 32 spans and 3 MaxStep cells: open a small span for a quick suite.
// An engine that shares nothing has a span of MaxContext or more.
func Conform(t *testing.T, open func(t *testing.T) Engine, opts Options) {
	for _, p := range promises() {
		t.Run(p.name, func(t *testing.T) {
			p.hold(newRig(t, open(t), opts))
		})
	}
}

// promise is one subtest.
type promise struct {
	name string
	hold func(r *rig)
}

func promises() []promise {
	return []promise{
		{"names", names},
		{"unknown sequences are refused", unknownSequences},
		{"capacity is what was reserved", capacityIsReserved},
		{"the pool is full when it is full", poolIsFull},
		{"room does not depend on fragmentation", roomDespiteHoles},
		{"a step is all or nothing", stepIsAllOrNothing},
		{"an empty step is nothing", emptyStep},

		{"prefill in any chunks", prefillInAnyChunks},
		{"a step of many equals one by one", stepOfManyEqualsOneByOne},
		{"logits are the caller's to keep", logitsAreKept},
		{"idle sequences are untouched", idleUntouched},

		{"fork continues as a fresh sequence", forkContinuesAsFresh},
		{"fork and parent diverge", forkAndParentDiverge},
		{"parent is rewritten while the fork lives", parentRewritten},
		{"fork outlives its parent", forkOutlivesParent},
		{"forks share whole spans once", forksShareSpansOnce},
		{"fork is refused", forkRefused},
		{"truncate continues as a fresh sequence", truncateContinuesAsFresh},
		{"truncate gives memory back", truncateGivesBack},
		{"a random walk keeps every cell", randomWalk},

		{"save and load", saveAndLoad},
		{"load is refused", loadRefused},
		{"read", read},

		{"place in place is a copy", placeInPlace},
		{"place rotates", placeRotates},
		{"place without the middle", placeWithoutTheMiddle},
		{"place within a sequence", placeWithin},
		{"place from a saved copy", placeSaved},
		{"place leaves holes", placeLeavesHoles},
		{"place adds deltas", placeAddsDeltas},
		{"place is refused", placeRefused},

		{"patch everything", patchEverything},
		{"patch fills holes", patchFillsHoles},
		{"patch in steps", patchInSteps},
		{"patch chosen positions", patchChosen},
		{"a patch sees what is before it", patchSeesWhatIsBefore},
		{"a patch is refused", patchRefused},
		{"shared cells are not written", sharedCellsNotWritten},

		{"recycled cells are clean", recycledCellsAreClean},
		{"damage is its owner's alone", damageIsItsOwnersAlone},
		{"deltas are numbers", deltasAreNumbers},

		{"greedy is the maximum", greedyIsMaximum},
		{"bias forces a token", biasForces},
		{"ends are told and can be ignored", endsToldAndIgnored},
		{"a seed repeats itself", seedRepeats},
		{"filters that leave one token are greedy", filtersLeaveOne},
		{"history seeds the penalties", historySeedsPenalties},
		{"a sampling that cannot be is refused", samplingRefused},
		{"release forgets the sampling", releaseForgetsSampling},

		{"interrupt undoes the step", interruptUndoes},
		{"an interrupted patch heals", interruptedPatchHeals},
		{"interrupt without a step is nothing", interruptIdle},
	}
}
