package anchor

import "github.com/interlude-run/interlude/programs"

// Edits gives what is left of a context after it was edited: the runs of the new tokens,
// behind the first difference, that are in the old ones, at whatever position there. They
// are as those of Find, each least long or longer; their Source says nothing. What is
// dropped, replaced, moved or stripped is what no run is from.
//
// It is for whoever moves cells within one context. Whoever takes them from any asks Find,
// before the new context is put.
func Edits[T ~int32](before, after []T, least programs.Tokens) []Run {
	if least <= 0 {
		least = 64
	}
	x := New[T](Config{Block: min(16, (least+1)/2), Least: least, MaxTokens: len(before)})
	x.Put("", "", before)
	return x.Find("", "", after, programs.Tokens(agree(before, after)))
}
