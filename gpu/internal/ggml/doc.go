// Package ggml is the foreign side of the engine: the C symbols of the prebuilt
// ggml libraries and the C structs that Go touches, nothing else. What is done
// with them lives in package gpu.
//
// # Loading
//
// Open loads the libraries of one directory once per process, resolves every
// symbol (all that are missing are named in one error) and verifies that the
// structs lie in memory as the Go mirrors say: it compares the version and the
// commit with the pinned ones and probes known tensors field by field. A
// library that fails any of these is refused; nothing is called through a
// layout that was not seen to hold.
//
// The libraries are never unloaded.
//
// # Using
//
// The functions of Lib are the C functions under Go names, with C's contract:
// they abort the process on misuse, so callers validate shapes and indices
// first. Tensors belong to their Context and die with it. A Context, a Backend
// and the graphs computed on it have one owner goroutine.
package ggml
