// Package replay runs agent runs with real text against a node, as an agent framework
// would: it sends a turn, reads the answer, lets the tool's time pass, and sends the
// next.
//
// What an agent's tools say, how long they take and how long its answers are comes from
// a recording, or is drawn from the statistics of recordings and put together from the
// text of a source tree. What the model says is the model's: the context of the next
// turn is the real one.
package replay
