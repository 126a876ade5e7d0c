// Package gbnf holds texts to grammars in llama.cpp's notation (grammars/README.md
// there), which libllama implements too, but not for strangers' grammars: a
// repetition {5,3} never ends, a left recursion by way of rules that may be empty
// takes all memory, alternatives that overlap, ([a-z] | [a-z0-9])*, take time
// exponential in the length of a token, and a token that it first allows and then
// does not follow ends the process.
//
// Compile reads a grammar; a Matcher follows one text, byte by byte:
//
//	g, err := gbnf.Compile(`root ::= "yes" | "no"`)
//	m := g.Matcher()
//	at, ok := m.Step(m.Here(), 'n')   // a look ahead
//	m.Accept([]byte("no"))
//	m.Done()                          // true: the text may end
//
// A Matcher is a pushdown automaton whose sets of stacks are the states of an
// automaton that is built as it is used: what was looked up once is a table
// lookup. Time and memory for one byte are bounded; a grammar that would need
// more, by being exponentially ambiguous, allows less than it says, down to
// nothing.
//
// References to tokens, <name> and <[1]>, are refused.
package gbnf
