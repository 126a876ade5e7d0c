// Package replay runs agent runs with real text against a server, as an agent framework
// would: it sends a turn, reads the answer, lets the tool's time pass, and sends the
// next. Several servers that had the same runs are compared in one Report.
//
//	Recorded | Made ─▶ []Run ─▶ Drive ─▶ Outcome ─▶ Report.Add ─▶ Report
//	                              │
//	                              └─▶ Server: Nodes (over NATS), LlamaServer (over HTTP)
//
// Recorded takes recorded conversations, sessions of agentic-bench and traces of token
// counts, a JSON object a line. An SLO is kept by an Outcome or not; MostAgents searches for
// how many agents a server takes within it.
//
// What an agent's tools say, how long they take and how long its answers are comes from
// a recording, or is drawn from the statistics of recordings and put together from the
// text of a source tree. What the model says is the model's: the context of the next
// turn is the real one.
package replay
