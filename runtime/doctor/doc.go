// Package doctor looks at this machine and says what the engine will find:
// what is in order, what makes it slower, and what keeps it from running, each
// with what to do about it.
//
//	checks := doctor.Run(ctx, doctor.Options{Puller: p, Device: pull.CPU})
//	doctor.Write(os.Stdout, checks)
//	if doctor.Worst(checks) == doctor.Fail { ... }
//
// It only reads: nothing is fetched, written, loaded or started. Shared
// libraries are searched for as the dynamic linker does, and their ELF headers
// compared with what the engine asks for; whether the engine really loads and
// computes is for its own loader to say.
//
// Missing and Auto answer the two questions that --device asks before anything
// is fetched: what a device lacks here, and which one to take.
package doctor
