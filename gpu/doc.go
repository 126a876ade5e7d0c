// Package gpu is the engine: it computes the steps that a scheduler orders, on
// the prebuilt ggml libraries, with graphs and a KV cache of its own.
//
// # Use
//
// Open loads libraries and model; the Engine then has the methods that package
// gpu/engine promises. Engine and libraries belong to one goroutine, which
// should be locked to its OS thread (runtime.LockOSThread), since the engine
// raises that thread's priority where it may.
//
// # How a step is computed
//
//	items ─▶ shape ─▶ graph (built once per shape) ─▶ bind ─▶ inputs ─▶ compute ─▶ logits ─▶ sample
//
// A graph covers the rows of all items at once: linear layers are one product,
// attention is computed item by item over the item's own cells only, so that a
// resident sequence that is not in the step costs nothing. Between steps of the
// same shape nothing is rebuilt: bind rewrites addresses and lengths in place.
//
//	cache.go      cells: extents of one pool, forked, truncated, moved
//	region.go     the memory of one tensor, on the host or on a device
//	builder.go    the parts that all architectures share
//	arch*.go      what each architecture adds
//	attention.go  the forms of attention and how they bind to cells
//	graph.go      one step's graph
//	input.go      what a step fills in, in memory that all graphs share
//	graphcache.go the graphs that are kept
//	step.go       a batch through a graph
//	splice.go     cells moved between sequences and positions, with deltas
//	weights.go    tensors from the file, mapped or converted
//	linear.go     matrices in the form that is multiplied fastest
//	threads.go    the compute threads, and how they stand against neighbours
//	priority.go   their priority, and the one that threads had before
//	pace.go       how many of them a step gets
//	tune.go       what is measured once per machine
//	tunefile.go   and kept from one start to the next
//
// # Memory
//
// Cells are paid for in the pool (Memory), weights are WeightBytes. All else that
// computing takes is ScratchBytes: it is reserved by Open for the largest step over
// the longest context, does not grow with the number of sequences or of shapes, and
// on the host becomes real memory as far as it is used. Only the nodes of the graphs
// that are kept come on top, and what a step with more than 64 outputs needs.
//
// # Adding an architecture
//
// A family that has the parts of builder.go is a file of fifty lines:
//
//  1. Write arch_NAME.go with a type that implements architecture: its layer's
//     norms and biases by GGUF name, the rotation's kind, and how queries, keys
//     and values come from the normalised input. Put a tensor that no family had
//     before into layerWeights, a matrix into the list in arch.go.
//  2. Enter it in the table architectures under its GGUF name.
//  3. If its block is wired differently (parallel attention, other
//     normalisation), give architecture a method for that part and move today's
//     code of graph.go's block behind it.
//  4. Teach gpu/internal/synth to write such a model, and add it to the table of
//     TestLogitsEqualLibllama: libllama must give the same logits.
package gpu
