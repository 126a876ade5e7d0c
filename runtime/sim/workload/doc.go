// Package workload holds agent programs for the simulator to run: read from
// trace files, or generated with published or measured statistics, and the
// times at which they arrive.
//
//	trace files ──Load──▶ ┌─────┐ ──Draw─────────▶ programs, each on its own
//	                      │ Set │                        │
//	profiles ──Generate─▶ └─────┘ ──DrawFamilies─▶ parents with subagents
//	                                                     │
//	                            Scale, for a smaller model or faster tools
//	                                                     │
//	              Poisson or Bursty ──▶ when each root program arrives
//
// # A program
//
// A program is a list of turns. A turn's context is Prefix tokens that the turn
// before it left, its answer included, and Input tokens behind them; it generates
// Output tokens, and the next turn comes Gap after its end.
//
//	turn 0  |────── Input ──────|─ Output ─|
//	turn 1  |─────────── Prefix ───────────|─ Input ─|─ Output ─|
//	turn 2  |──────── Prefix ────────|─ Input ─|─ Output ─|          the end was rewritten
//	turn 3  |─ Prefix ─|────── Input ──────|─ Output ─|              a reset
//
// [Program.Check] holds what is true of every program that the package gives out.
//
// # Subagents
//
// A program may be started by a turn of another, its parent. In a [Set], and in
// what [Set.Draw] gives, gaps are as recorded: the gap behind the turn that
// started a subagent contains the subagent's whole run, as fast as the recorded
// service was, and a subagent drawn from the set is a program on its own.
// [Set.DrawFamilies] gives parents together with their subagents and takes the
// subagents' runs out of the gaps, so that the simulated service decides how
// long a parent waits.
//
// # Randomness
//
// Everything follows from explicit seeds, and each purpose and each program has
// a stream of its own. So the first programs of a larger workload are those of
// a smaller one, and the same programs arrive at any rate: policies and loads
// are compared on common random numbers.
//
// # Where the numbers come from
//
// "swebench" and "bfcl" have the moments that Continuum's authors publish for
// their workloads (arXiv 2511.02230); see [Generate] for what they leave open.
//
// "agentcgroup", "swebench-mini" and "weka" follow the files in profiles, which
// were measured from public recordings: of Claude Code on SWE-rebench tasks
// (eunomia-bpf/agentcgroup), of mini-swe-agent on SWE-bench Verified
// (gruckion/mini-swe-agent) and of interactive Claude Code sessions
// (callanjfox/kv-cache-tester). A profile has quantiles and frequencies, and no
// recorded program. Tool times of "swebench-mini" are estimates from second-wise
// time stamps, mostly of the model's latency: draw no conclusions about tools
// from them.
package workload
