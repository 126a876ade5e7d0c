// Package gguf reads the head of a GGUF file (github.com/ggml-org/ggml,
// docs/gguf.md): its metadata and where its tensors lie. It reads no tensor.
//
// It is also the gate in front of the C libraries, which trust what they are
// given: a file that Inspect accepts is whole, and everything in its head is in
// range. Nothing in a file can make Inspect panic or allocate more than a small
// multiple of the file's own metadata.
//
//	+--------+----------+---------------+---------+----------------------+
//	| header | metadata | tensor infos  | padding | tensors, each padded |
//	+--------+----------+---------------+---------+----------------------+
//	                                              ^ DataOffset
//
// Inspect promises of an accepted file:
//   - version 2 or 3, little-endian, in one part;
//   - no key and no tensor name occurs twice;
//   - every tensor has a known type, 1 to 4 positive dimensions, rows of whole
//     blocks, and lies inside the file, in order and aligned.
package gguf
