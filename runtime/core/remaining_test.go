package core

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestTurnsToComeAreThoseAddedUp compares the turns of a bin with their sum, taken one by one.
func TestTurnsToComeAreThoseAddedUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	cut := 0
	for range 10_000 {
		alive := farTurns + (1-farTurns)*random.Float64()
		h := math.Exp(-16 * random.Float64())
		n := random.IntN(20 * fewTurns)
		want, left := 0.0, alive
		for range n {
			if left *= 1 - h; left < farTurns {
				left = 0
				cut++
				break
			}
			want += left
		}
		turns, after := follow(alive, h, n)
		if math.Abs(turns-want) > 1e-9*want || math.Abs(after-left) > 1e-9*left {
			t.Fatalf("%v turns of %d, and %v alive after them, want %v and %v: %v alive before, of whom %v end", turns, n, after, want, left, alive, h)
		}
	}
	if cut == 0 || cut == 10_000 {
		t.Errorf("%d sums were cut", cut)
	}
}

// TestWhoNeverEndsIsForetoldMuch is the case of the longest sum: programs of which none has
// ended yet.
func TestWhoNeverEndsIsForetoldMuch(t *testing.T) {
	var r remaining
	k := r.kind(kindName{})
	for range 10_000 {
		r.turnOver(k, 1, 1)
	}
	work, turn := r.foretell(k, 100)
	if turns := work / turn; turns < 1_000 || turns > 1<<16 {
		t.Errorf("%v turns of programs that do not end", turns)
	}
}
