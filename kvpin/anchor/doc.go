// Package anchor finds text that was computed before, behind another prefix.
//
// A prefix cache has the KV of a context up to its first difference from another. Much
// that comes behind it was computed as well: a document that several agents read, a peer's
// answer, a tool's result; and, when a program's own history is edited, nearly all of it.
// The Index says which tokens those are, and in whose context they have cells:
//
//	source a   [ system A   |  document  | task ]
//	                        ╰─────┬──────╯
//	                              ╰─── moves ──╮
//	                                     ╭─────┴──────╮
//	context    [ another system     | … |  document  | … |  report  ]
//	                                                     ╰────┬─────╯
//	                                         ╭─── moves ──────╯
//	                                    ╭────┴─────╮
//	source b   [ system B             … |  report  ]
//
// What is done with such a run (moved, mended, checked, computed anew after all) is for
// others to decide. The package has no cells and no bytes of them.
//
// # Use
//
// Before a program's context is put anew, its former one is in the index, and so is what
// others have:
//
//	index := anchor.New[int32](anchor.Config{Seed: secret})
//	…
//	runs := index.Find(tenant, program, context, prefix) // prefix: how much of it is at hand exactly
//	index.Put(tenant, program, context)                  // once it has cells
//	index.Cut(program, 4096)                             // the others were reclaimed
//	index.Drop(program)
//
// Edits is the same between two contexts that are given, for whoever moves cells within one.
//
// # Method
//
// Contexts are hashed in aligned blocks of 16 tokens, as rsync and LBFS do; the new
// context is hashed at every offset, each hash from the one before it. Where it has that of
// a block, the tokens are compared, from there to both sides as far as they agree. A run of
// twice a block's length has a whole block in it wherever it begins.
//
// # Promises
//
//   - What is given is the same, token for token: a hash only says where to look.
//   - Runs are disjoint, in ascending order, long enough, and cannot be longer to either
//     side, but where the run before or the start ends them; Run.Left says what they would have had.
//   - No run is of another tenant's context. Each tenant has its own table, so that
//     there is nothing to compare.
//   - The same calls give the same runs, whatever the seed.
//   - A Find compares no more than a few blocks for each token, whatever the texts are, and
//     allocates nothing but the runs. A Put hashes only what is new.
//   - All contexts together have no more than Config.MaxTokens; a token costs, beside
//     itself, about four bytes.
//
// Of a text that more than a few contexts have, the few that were indexed last are looked at, and
// of a text that one context has many times, the first few places. Others are behind them in
// wait, and are found when those go.
//
// An index has one owner.
package anchor
