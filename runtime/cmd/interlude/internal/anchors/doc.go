// Package anchors measures what moved cells do to answers.
//
// A Case is two contexts that have text in common behind their first difference: one that was
// computed, and one that is to be. An Arm puts the second together from cells of the first. The
// lab computes it densely as well, lets that answer greedily, has every arm read the same
// answer, token by token, and compares what they would have said at each of its tokens:
//
//	computed  [ system A | text ················ | asks A ]
//	                      ╰──── an arm moves ────╮
//	to be     [ system B, longer | text ················ | asks B ] the dense answer
//	                                                                ╰─ KL(dense ‖ arm) at each token ─╯
//
// # Use
//
//	lab := &anchors.Lab{Engine: e, Answer: 32}
//	samples, err := lab.Measure(cases, anchors.Arms())
//	for _, r := range anchors.Summarise(samples) { … }
//
// # Promises
//
//   - All arms of a case are scored on the same tokens, those of the dense answer.
//   - Place is what a node does with `reuse: approximate`, by the same rules (kvpin/anchor).
//     Nothing in it is chosen on the texts that are reported.
//   - Beside the arms there are a floor and a ceiling: the dense context computed in other steps
//     is what rounding alone does, cells of another text what nonsense does.
//   - Intervals are over programs, since texts of one program resemble each other.
package anchors
