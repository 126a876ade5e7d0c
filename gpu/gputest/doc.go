// Package gputest has what stands in for an engine in tests, and the suite that
// holds every engine to the promises of package engine.
//
// # The fake
//
// Fake keeps real tokens in real cells, shares spans by reference as
// engine.Geometry says, and accounts for its pool to the byte. It has no
// weights, but the properties of a model that callers rely on:
//
//   - K and V follow from the token, the position and, from the second layer
//     on, from every cell before; K is rotated by the position, exactly. So a
//     cell that is moved is right in the first layer, wrong in the deeper ones, and
//     a patch mends it. A patch that is interrupted is half done.
//   - The next token follows from the K and V of the whole context. One wrong
//     cell, and the text is another.
//   - The same calls give the same answers.
//
// A test that wants a certain text scripts it, and stages what happens to steps:
//
//	f := gputest.NewFake(gputest.Small())
//	f.Script(func(ctx []engine.Token) engine.Token { return ctx[len(ctx)-1] + 1 })
//	f.Pace(func(items []engine.Item) time.Duration { return 5 * time.Millisecond })
//	f.Fail(3, engine.ErrBroken)  // the third step from now, and everything after it
//	waiting := f.Block(1)        // the next step waits for Interrupt
//
// # The suite
//
// Conform runs one subtest per promise on any Engine; the real one passes it
// with tolerances, since its kernels differ by shape and its cells are rounded.
// A ledger that could not be more naive foretells every length, every byte of
// memory and every refusal:
//
//	subtest ──▶ rig ──▶ engine ──▶ Check, Len, Capacity, Memory
//	             │                        ║ equal, after every call
//	             └────▶ ledger ───────────╝
//
// What engines are held to beyond the words of package engine:
//
//   - Truncate leaves what a fork at the same place would have: whole spans stay
//     shared, and of a shared span that is cut the sequence gets a copy of its
//     own. So Truncate can be refused for want of room, ErrNoRoom, though only
//     where it cuts what another sequence holds, and what it gives back counts.
//   - A step that is refused or interrupted has not drawn from a seed either.
//   - More than MaxStep tokens, no tokens, a sequence named twice, outputs of
//     another number than items, tokens out of the vocabulary (also in a bias
//     or a history), positions that do not ascend and shapes that do not fit
//     are ErrRange.
package gputest
