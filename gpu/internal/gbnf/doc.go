// Package gbnf checks grammars in llama.cpp's notation (grammars/README.md there)
// before libllama sees them. Grammars come from users, and libllama does not
// survive all of them: a repetition {5,3} never ends, a left recursion by way of
// rules that may be empty grows until memory is gone, deep nesting overflows the
// stack. References to tokens, <name> and <[1]>, are refused altogether: libllama
// allows a token by other rules than it then follows it by, and ends the process
// where they differ.
//
// Check reads the notation as libllama does and refuses, with the line and the
// reason, what libllama would refuse or not survive. It expands repetitions as
// libllama does, so its limits are on what libllama would hold in memory.
//
// It cannot tell how much an ambiguous grammar costs while it is followed.
package gbnf
