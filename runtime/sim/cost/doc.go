// Package cost is the simulator's engine: how long a step takes, how long a move
// between memory tiers takes, and how soon any schedule at all could be done.
//
//	ByName ──▶ ┌────────┐ ──Step, Prefill, Decode──▶ engine time
//	           │ Engine │ ──Transfer───────────────▶ link time
//	Fit ─────▶ └────────┘ ──LowerBound─────────────▶ mean completion time
//
// # What a step costs
//
// A step runs one or more tokens of each of its items. Its time follows from four
// counts over the items, each of which has From cells already and runs Count
// tokens:
//
//	items   the items
//	tokens  Σ Count
//	pairs   Σ From·Count + Count²/2   a token with a cell that it attends to
//	cells   Σ From + Count            keys and values that are read
//
// A processor ([Sum]) does one thing after the other:
//
//	compute = (tokens·TokenFlops + pairs·AttnFlops) / Flops
//	memory  = (WeightBytes + cells·KVBytes) / Bandwidth
//	step    = compute + memory + Overhead + items·ItemOverhead
//
// It is linear in the four counts, so that [Fit] finds an engine's parameters from
// measured steps by least squares.
//
// A graphics processor runs kernels, one after the other, and within each the slower
// of arithmetic and memory traffic decides ([Serial], the GPU engines' default):
//
//	rows    = tokens, rounded up to whole tiles
//	linear  = max((rows + Ramp)·row, WeightBytes / Bandwidth)
//	attend  = Σ max(pairs·AttnFlops / Flops, cells·KVBytes / Bandwidth)    over the items
//	step    = linear + attend + Overhead + Launch + items·(ItemOverhead + Item)
//
// The matrices of a step are read once for all its tokens, and prompt tokens ride
// along behind their reading: that is what makes chunked prefill pay (Agrawal et al.,
// Sarathi-Serve, OSDI 2024). Attention is in kernels of its own, in which decodes wait
// for their keys and values while no matrix product goes on; kernels that let the two
// overlap are newer than most engines (POD-Attention, ASPLOS 2025; NanoFlow, OSDI
// 2025). At 300,000 cells of decodes on an A100 they take 25 ms, the weights 10 ms:
// under Serial 97 prompt tokens ride along for nothing, under [Max] 340.
//
// Matrix products work on whole tiles (NVIDIA, Matrix Multiplication Background User's
// Guide, section 3.1: tile quantization). A step of 257 tokens has five tiles of 64
// rows. A product of few rows fills a device badly: its rate grows with its rows n as
// n / (n + n½) (Hockney and Jesshope, Parallel Computers, 1981), n½ being Ramp. Flops is
// the rate at 512 rows, so that
//
//	row = TokenFlops / Flops · 512 / (512 + Ramp)
//
// and with a Ramp of 32 rows, 128 tokens run at 85 % of that rate, 256 at 94 %, 2048 at
// 105 %. Tiles of 64 rows and a Ramp of 32 are assumed, not measured.
//
// [Max] takes a whole step for one kernel, in which all arithmetic hides all traffic:
//
//	step    = max(compute, memory) + Overhead + items·ItemOverhead
//
// It was the default once and flatters small chunks. It is there to compare with.
//
// More work in a step never takes less time, and splitting a step never saves any.
// Both follow from the formulas, as no parameter is negative, rounding up is
// subadditive, and so is the larger of two subadditive things; [LowerBound] rests on
// them.
//
// # What a move costs
//
// A context's cells do not lie side by side: an engine keeps them in pages, and in each
// layer apart, so that a move is thousands of small copies. Its rate is a part of the
// link's, and each page takes a little beside:
//
//	move = MoveLatency + pages·Paging.Latency + bytes / (HostBytes·Paging.Packing)
//
// A link has one direction at a time, or both with Duplex.
//
// # What is uncalibrated
//
// Nothing of the GPU engines is measured by this project: rates are parts of data
// sheets, what kernels and pages cost is estimated. [Engine.Label] says so. Only cpu-135m
// is [Engine.Fitted], to this module's own engine.
//
// The model is deterministic and has no state.
package cost
