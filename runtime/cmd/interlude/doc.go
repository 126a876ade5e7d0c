// Command interlude serves agent runs over NATS on a ggml engine. It puts the
// parts together and holds no policy: flags, configuration, signals, output.
//
//	interlude serve           run a node
//	interlude demo            see one at work
//	interlude sim             simulate this scheduler beside others, or replay an event log
//	interlude explain         tell from an event log why turns waited and who lost memory
//	interlude trace           show from an event log what a run consisted of
//	interlude pull            fetch the engine libraries and the model
//	interlude doctor          say what this machine has and lacks
//	interlude bench engine    measure the engine beside libllama
//	interlude bench steps     measure it beside the simulator's model of it
//	interlude bench gaps      score predictions of tool times
//	interlude bench replay    run agents with real text under memory pressure
//	interlude bench fidelity  measure the simulator beside the real engine
//	interlude bench constrained  measure decoding under a grammar beside free decoding
//	interlude version         say what this is
//
// Exit codes: 0 done; 1 failed; 2 used wrongly; 130 interrupted.
package main
