// Command interlude serves agent runs over NATS on a ggml engine. It puts the
// parts together and holds no policy: flags, configuration, signals, output.
//
//	interlude serve         run a node
//	interlude demo          see one at work
//	interlude pull          fetch the engine libraries and the model
//	interlude doctor        say what this machine has and lacks
//	interlude bench engine  measure the engine beside libllama
//	interlude version       say what this is
//
// Exit codes: 0 done; 1 failed; 2 used wrongly; 130 interrupted.
package main
