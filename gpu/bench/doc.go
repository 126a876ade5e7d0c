// Package bench measures the engine beside libllama, in one process and one run.
//
// Every ratio is the median of ratios of neighbouring measurements: the arms take
// turns, so that what the machine does meanwhile befalls both. While one arm
// computes, the threads of the others sleep, since two pools that poll take each
// other's processors.
//
// The arms:
//
//	libllama   as llama-server runs it: flash attention, one unified F16 cache,
//	           its own repacking of weights where it has one
//	ours       as the engine ships
//	same       ours with the weights as in the file and flash attention over F16
//	           cells, so that the kernels are libllama's
//
// All use the same file and number of threads, and, but where contention is what
// is measured, the same thread priority.
package bench
