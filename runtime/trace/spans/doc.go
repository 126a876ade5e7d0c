// Package spans turns what a machine is told and answers into spans, as traces have them:
//
//	b := spans.New(func(s *spans.Span) { … })   // told of each span as it ends
//	b.Observe(now, event, effects)              // after each Step
//	b.Close(now)                                // ends what is open still
//
// A program is a tree:
//
//	invoke_agent                    the program, from its first turn until it is forgotten
//	├── chat                        a turn, from its arrival until it is over
//	│   ├── queue                   it waits for its place; again after each preemption
//	│   ├── restore                 it has its place, and its cells come back from lower tiers
//	│   ├── fetch                   its cells are there, and its prompt is not
//	│   ├── prefill                 its prompt is run
//	│   └── decode                  its tokens are generated
//	├── execute_tool, await_person  the gap to the next turn, with what became of its memory
//	└── chat …
//
// # Invariants
//
// The parts of a turn follow each other without gap or overlap: they begin when the turn does,
// end when it does, and add up to its time to the nanosecond. A part without length is left
// out. A span is told after its children. IDs are given as spans begin, or end where they
// have no children, from 1 on.
//
// The package is as deterministic as the machine: no clock, no goroutine, and the same events
// give the same spans. So a node can tell of a run as it goes, and a log afterwards. It knows what
// effects say and asks the machine nothing; why a turn waited is what package explain tells.
package spans
