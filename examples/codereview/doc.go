// Package codereview is a workflow of three agents that examine a source tree:
//
//	scout   looks around with ls, find, grep and sort          ─┐
//	reader  reads the largest files with head and grep         ─┼─▶ writer  drafts and writes a summary
//
// Each is one program of Interlude: a conversation of several turns with a real
// tool run between them. Scout and reader work at the same time; the writer
// starts from what they hand over.
//
// The control flow, which tool comes next and what is asked, is this package's:
// a model of 135 million parameters cannot be trusted to choose. The text of
// every answer is the model's.
package codereview
