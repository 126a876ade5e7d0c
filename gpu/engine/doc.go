// Package engine is the contract between whoever schedules work and whoever
// computes it: the words in which a step is ordered and its result reported.
//
// It holds types, and what is legal of them. The real engine (package gpu) and the fake one (package
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
//	                                                ├─ Place, at p ≥ k ──▶ Len p+N ≤ c; [k, p) are holes
//	                                                ├─ Step with At ──▶ some of [0, k) patched, Len k or more
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
// # Contexts of moved cells
//
// Cells that were computed behind one context can stand behind another, at another
// position: see Placement. What is between them and what is wrong with them is
// computed in the ordinary Step, beside the decodes of others:
//
//	prefix    hole     moved cells              tail
//	├────────┤········├──┬─────────────────────┤┄┄┄┄┄┄┤
//	  Fork     ▲▲▲▲▲▲▲ ▲▲          Place         ▲▲▲▲▲▲
//	           └────────┴── one item, At ─────────┘
//
// # Patches
//
// An Item whose At is not nil says where each of its tokens goes, in ascending order.
// A position below Len is patched: its cell is computed anew and overwritten, in every
// layer. Positions from Len on continue the sequence, Len, Len+1, …, and are appended as
// ever. Sample and Logits are of the last token, which must be an appended one.
//
// A row at position p attends to the cells [0, p] and to no other, as they are once the
// item's own are written: to patch holes in several steps, in the order of their
// positions, gives what one step gives. To patch everything is a prefill.
//
// The sequence must own the cells that are patched: one in a span that another sequence
// holds too is ErrRange.
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
// ErrInterrupted and has appended nothing, to any sequence. Cells that it was to patch
// may be half changed, and no others: the same item, run again, makes of them what it
// would have made without the interrupt, to the bit. A CPU stops within an operator's
// time. A card has no way to stop what it has begun: it computes the step to its end,
// and then the step is undone, but for what was patched. An Interrupt that comes when no
// Step runs is nothing.
//
// # Failure
//
// A call that returns an error has changed nothing, but for a patch that was interrupted.
// After ErrBroken the engine is unusable and the process should restart.
package engine
