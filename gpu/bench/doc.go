// Package bench measures the engine beside libllama, in one process and one run, and
// beside what the machine can do.
//
// # Arms
//
// Each row has libllama in the arrangement that is best for it:
//
//	row                  libllama
//	decode, 1 sequence   a context of one sequence, with a cache of its own
//	decode, 8 sequences  eight streams, each with a cache of its own, as llama-server
//	                     -np 8 has them; beside it one unified cache for all eight, as
//	                     it has them where the number of its slots is left to it
//	prefill              a context of one sequence
//
// with flash attention where it turns it on itself, which it does for its F16 cells, and
// with its own repacking of weights where it has one. Ours is
//
//	ours                 the engine as it ships
//	same kernels         ours with the weights as libllama has them, repacked where it
//	                     does that, and flash attention over F16 cells in rows, so that
//	                     the kernels are libllama's
//
// All use the same file, tokens, number of threads and thread priority (but where
// contention is what is measured), and prefill 512 tokens at once. While one arm
// computes, the threads of the others sleep, since two pools that poll take each other's
// processors. The file is measured in four quantisations, made by libllama itself of the
// model that is given; where a width is no multiple of 256, the K quantisations have
// other types in its place, as the files have that people download.
//
// # Order
//
// Arms take turns, forwards in one repetition and backwards in the next (ABC CBA …), so
// that what the machine does meanwhile befalls all, and none is always first. A ratio is
// the median, over repetitions, of libllama's time over ours in the same repetition.
//
// On a machine that others use as well, a thread that waits at a barrier for one without
// a processor loses more than the others take; libllama then falls behind by factors that
// say nothing of its kernels, since ours computes on fewer threads when it notices. How
// much of the processors other processes had is therefore part of the result.
//
// A decode is timed after one that is not, which wakes the threads and builds the graph.
// A prefill is timed from the call to the last token's logits: what it includes is the
// building of our graph, since each repetition's chunk begins at a position where none
// has begun before, as it does in service. What it leaves out, for all arms, is the
// release and reservation of cells before it.
//
// # Shares
//
// The bandwidth that a decode is compared with is the fastest that as many bytes as it
// reads are read by all threads: products of one row with a matrix of F16 or Q8_0, or
// sums in Go, whichever is faster. Since the size is the same, a cache that holds a part
// of the weights helps both. The peak is the fastest product of 512 rows with a matrix
// of any type that models have, in any of the CPU's buffers.
//
//	bandwidth_share_b1 = bytes · tokens/s / bandwidth
//	  bytes = the file's tensors, without an embedding that is looked up alone
//	        + cells of the context · bytes of a cell, of the arm's own types
//	peak_share_prefill = FLOPs · tokens/s / tokens / peak
//	  FLOPs = 2 · parameters of the blocks' matrices · tokens
//	        + 2 · parameters of the output matrix, for the last token
//	        + 4 · layers · query heads · values of a head · Σ cells that a token sees
//
// What an arm reads or multiplies beyond that, for the sake of its layout, lowers its
// share.
//
// # Nearness
//
// The engine as it ships is also compared with libllama in what it computes: by the mean
// Kullback-Leibler divergence of its next-token distributions from libllama's over a
// piece of prose, token by token, beside that of libllama in one batch from libllama
// token by token, which rounding alone makes.
package bench
