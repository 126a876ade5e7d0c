// Package engine is the contract between whoever schedules work and whoever
// computes it: the words in which a step is ordered and its result reported.
//
// It holds types only. The real engine (package gpu) and the fake one (package
// gpu/gputest) have the same methods over these types, and one conformance
// suite (gpu/gputest) holds both to the promises written here. A caller
// declares the interface that it needs, with the methods it uses.
//
// # Sequences and cells
//
// A sequence is a context in the making: cell i holds the K and V of the token
// at position i, for every layer. Cells [0, Len) are written; cells
// [Len, Capacity) are reserved and paid for. Nothing is ever written outside
// the reserved cells, and capacity changes only when the caller says so, so a
// caller that keeps a ledger knows at every moment what the pool holds:
//
//	            Reserve           Step               Truncate(n)
//	New ──▶ Len 0, Cap 0 ──▶ Len 0, Cap c ──▶ Len k ≤ c ──▶ Len n, Cap ⌈n⌉
//	                                                │
//	                                                ├─ Fork ──▶ a second sequence over the same cells
//	                                                └─ Release ──▶ gone
//
// A Truncate that ends inside a span which another sequence shares gives this one
// a copy of what it keeps of the span, and may therefore fail with ErrNoRoom.
// What was saved goes back to the positions that it was saved from, whole or in parts:
// see Saved.
//
// ⌈n⌉ is n rounded up to Geometry.Granule. The bytes that a set of sequences
// occupies follow from Geometry alone (Geometry.Bytes, Geometry.Shared).
//
// # Between sequences
//
// What is in the cells of one sequence changes nothing that another one computes,
// not by a bit: neither beside it in a step, nor in the same memory after it. Load
// does not look at what it is given, so a damaged copy makes nonsense of its own
// sequence, until that is cut before the damage; deltas that are no finite numbers
// are refused with ErrRange.
//
// # Concurrency
//
// An engine has one owner goroutine, which makes every call. Interrupt and Pack
// alone may be called from any goroutine, Interrupt also while and after the
// engine is closed.
//
// Interrupt concerns the running Step, and no other call: it then returns
// ErrInterrupted and has changed nothing. A CPU stops within an operator's time.
// A card has no way to stop what it has begun: it computes the step to its end,
// and then the step is undone. An Interrupt that comes when no Step runs is
// nothing.
//
// # Failure
//
// A call that returns an error has changed nothing. After ErrBroken the engine
// is unusable and the process should restart.
package engine
