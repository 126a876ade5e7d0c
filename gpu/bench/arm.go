package bench

import "github.com/interlude-run/interlude/gpu/engine"

// arm is one way to compute, over one or more sequences.
type arm interface {
	fill() error                  // contextLength tokens in each sequence, in cells of its own
	rewind(b, at, room int) error // the first b sequences back to at tokens, with cells for room more
	decode(b int) error           // one step: a token for each of the first b sequences, greedily
	chunk(at, n int) error        // n tokens more at once for the first sequence, which has at
	wake()
	sleep()
}

// text is the i-th token of what the contexts are filled with: ids spread over the
// vocabulary, the same for all arms.
func text(i, vocab int) engine.Token {
	const reserved = 256 // first and last ids are often no text
	if vocab <= 4*reserved {
		return engine.Token(i * 7919 % vocab)
	}
	return engine.Token((i*7919+4099)%(vocab-2*reserved) + reserved)
}

// awake runs f with the threads of a ready, and sends them to sleep after it.
func awake(a arm, f func() error) error {
	a.wake()
	defer a.sleep()
	return f()
}
