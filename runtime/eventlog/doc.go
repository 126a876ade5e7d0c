// Package eventlog writes down what a core.Machine was told, so that the same
// decisions can be made again elsewhere: to check that they are the same, to tell why
// they were made, to turn an oddity into a test.
//
//	w, err := eventlog.Create("node.log", eventlog.Header{Policy: "interlude", Config: cfg}, eventlog.Options{})
//	w.Observe(now, event, effects)     // for every Step, by the goroutine that steps
//	err = w.Close()
//
//	log, err := eventlog.Open("node.log")
//	replay, err := eventlog.NewReplay(log)
//	for step, err := range replay.Steps() { … }
//
// # The format
//
// A log is JSON, one object a line, and gzipped where its name ends in .gz. The first
// line is the header: what the machine was made of. Every other is an event, as
// package core declares it, with a digest of the effects that came of it:
//
//	{"format":"interlude event log","version":5,"build":"…","arch":"amd64","config":{"Geometry":{…},…,"Policy":"interlude"}}
//	{"at":1200000,"event":"TurnArrived","of":{"Turn":{"Program":"t/a","Turn":1},"Context":700,…},"digest":"8d0f6ba5e5a9b0c1"}
//	{"at":9310000,"event":"StepDone","of":{"Status":0,"Results":[0]},"digest":"cbf29ce484222325"}
//	{"end":"closed"}
//
// What the machine had learnt before is in the header (core.Config.Learnt), which may be megabytes
// for it.
//
// Times are nanoseconds, as package programs counts them. There is no text of a
// prompt or an answer in a log, as none comes to the core; there are the names of
// programs, tenants and tools.
//
// # A log is whole up to its end
//
// A log with a hole cannot be replayed behind it. So nothing is left out: a log ends
// where something could not be written, and says so where it still can. See Writer for
// what that takes, and End for how a log may end. A crash may cut the last line short.
//
// # A replay is strict
//
// The machine is made anew from the header, takes every event at its time, and must
// answer with the effects that it answered with then; the first difference is an
// error. The same build on the same architecture makes none. Another build may decide
// otherwise, which is then what the difference shows; and another architecture may
// round otherwise.
package eventlog
