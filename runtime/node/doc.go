// Package node is the production shell of the core: it takes turns, drives
// runtime/core with them, does on the engine what the core asks for, and brings
// text and results back.
//
// # Use
//
//	n, err := node.New(node.Config{Engine: e, Template: t, Vocabulary: v, Turns: turns})
//	err = n.Run(ctx)   // until ctx ends, or the engine fails
//
// # Goroutines
//
// Everything has one owner, and Run waits for all that it starts.
//
//	Turns ──▶ intake ──▶ preparers ──────────────────────▶ loop ──────▶ device
//	                     history, template, tokens  inbox  the core      the engine
//	Turns ◀── a goroutine for each turn that ◀──── mailbox      ◀────── tokens
//	          was started: text, result
//	Turns ◀── enders: results of turns that were not
//
// The loop waits for nothing but its select. What could take long is done by others: a few
// goroutines that prepare turns, one for each turn that runs, which sends, and a few that
// end turns which never ran. A turn that waits has no goroutine. The
// device's goroutine is locked to its thread, and owns the engine while Run runs;
// the loop orders its work, one piece for each Step of the core, and learns of it
// when it is done. There is one timer, for the core's next deadline, and one that has kept
// what was learnt (keep.go).
//
// Between two steps of the engine stand the two channels, the text of the sampled
// tokens, and one Step of the core.
//
// # A turn through the layers
//
// One turn from its client to the engine and back. It is turn 2 of program p, a tool's
// output, behind a context of 900 cells; others took 300 of these meanwhile, and the host
// has a copy. The turn's goroutine, the loop and the device are goroutines of this package;
// a test (runtime/internal/deptest) holds what each package may import.
//
//	sdk            Program.Turn sends a wire.Turn: {"messages":[{"role":"tool",…}]}
//	   │ submit.p.2                                 knows: subjects, JSON
//	   ▼                                            not: who serves it, tokens, the cache
//	runtime/turns  intake.go stores it and replies Accepted; ready.go waits until turn 1 has
//	   │           its result; a Job is handed out once.
//	   │ Job.Turn, Job.History                      knows: order, durability, who finished what
//	   ▼                                            not: text, tokens, memory
//	turn goroutine serve.go takes the program's talk; chat renders the conversation:
//	   │           947 tokens, which begin with all 900 that were computed. It becomes a
//	   │           turn with a core.TurnArrived{Context: 947, Past: {Tokens: 900, Same: 900}}.
//	   │ message on Node.inbox                      knows: text and tokens, whose answer was last
//	   ▼                                            not: which cells there are, who else waits
//	loop           loop.go compares the tokens with those of the context that it knows, sets
//	   │           Keep to 901, the last answer's last token included, which has no cell,
//	   │           and steps the core; no other goroutine does.
//	   │ Machine.Step(now, TurnArrived)             knows: tokens of contexts, turns by sequence
//	   ▼                                            not: whose turn it is, whose cells go
//	runtime/core   turn.go takes it in; sched says when; memory.go makes room, tiers.go asks
//	   │           for the 300 cells. Effects: ReserveSeq, MoveCells, StartTurn; after
//	   │           MoveDone RunStep p[900,947)*, and one RunStep for each further token.
//	   │ []Effect                                   knows: numbers of tokens, cells, times
//	   ▼                                            not: a token, a clock, a goroutine, an error
//	loop           effects.go puts the effects into work for the device, in their order.
//	   │ device.work
//	   ▼
//	device, gpu    device.go calls Reserve, Load, SetSampling and Step of engine.Engine.
//	   │ device.done: a token for each              knows: cells, tokens, graphs, memory
//	   ▼  item that samples                         not: programs, turns, policies, NATS
//	loop           turn.go takes the token in, its text goes to the mailbox, and the core hears
//	   │           StepDone: go on, or ended. In the end FinishTurn{Usage: reused 600,
//	   │           restored 300, prefilled 47; Missed: none} and PinProgram.
//	   │ mailbox: text, then the ending
//	   ▼
//	turn goroutine follow streams the text (Job.Stream); result.go writes the wire.Result,
//	   │           Job.Finish stores it, and the conversation takes the answer in.
//	   │ finish.p.2
//	   ▼
//	runtime/turns  job.go stores it if no other result stands, and acknowledges the turn.
//	   │ result.p.2, stream.p.2
//	   ▼
//	sdk            Answer.Text and Answer.Result.
//
// All decisions are the core's, and it makes them from numbers alone. That is why the
// simulator, which has no tokens, can be its shell, why a log of its events can be replayed,
// and why tests of the node need neither NATS nor a real engine.
//
// # A turn in the node
//
//	take the program's talk ─▶ render, tokenise ─▶ arrive ─▶ stream ─▶ store the result ─▶ put the talk back
//	 or rebuild it from history      │                │         │
//	                                 └──── rejected ──┴─────────┴── handed back
//
// The core sees every turn that Turns hands out, up to Config.MaxTurns, and its true numbers
// (how long the prompt is, how much of it is in the cache), since each is prepared when it
// comes. Turns of programs that have cells in the engine are prepared before others. Prompts
// stay in memory up to Config.ReadyBytes, of which newcomers leave half to programs that are
// here; beyond that a prompt is dropped, with the talk, and made once more when the core asks
// for it (core.FetchTurn): as its turn is admitted, or a little before. Where it then comes out
// as another prompt, or cannot be had, the turn is handed back. So a turn that waits is a
// few hundred bytes here, and no more than 2 KB with what package turns and the core have of it.
//
// Waits for first tokens are bounded by Config.Guard, by the class that the turn says and
// its timeout. A turn that the core rejects as overloaded, which Guard.Shed has it do, has
// a result that says so and when to come again; Stats counts what was turned away (Shed),
// what was promised its first token, and what had it late.
//
// A turn that comes from Turns is ended by one stored result, or handed back: when
// the node stops before it could be finished, when the engine breaks, when its
// history or its result's store cannot be reached. The conversation takes the
// answer in only after its result was stored, and was this node's: so what the
// node remembers is what is stored, and another node rebuilds the same tokens.
//
// # Prompts, forks, counts
//
// A turn with a prompt has that for its context, without the template. One that goes on from
// another program's turn has a history that is not its own: the core is told of no past, and finds
// what it has in common with its parent. Count renders a turn as if it had come, from its history,
// in the goroutine of whoever asks: no program's talk is taken for it.
//
// # What is kept between turns
//
// The tokens of a program's context, as long as the engine or a lower tier has cells of
// it: they tell how much of the next prompt is in the cache. And the conversations that
// were used last, up to Config.TalkBytes; the others are rebuilt from history when they
// are wanted.
//
// A program that has had no turn for Config.ForgetAfter, a day by default, is taken to have
// ended: its cells, copies and tokens go, and its next turn, if one comes, says that they were
// forgotten (wire.MissForgotten). So a node does not grow by how many programs have come, even
// where no client ever says that one is over; with Never it does.
//
// # What is kept from run to run
//
// The core begins with Config.Learnt, and what it has learnt since goes to Config.Keeper every few
// minutes and when the node has drained. The loop takes the value, which costs it a copy while
// the device is at a step or nobody waits; a goroutine of its own gives it to the Keeper.
//
// # Signals
//
// What is known of a program's wait comes with its turn, from the answer's own text (the
// shell command that it calls), and from clients between turns, by Node.Signal. All of it
// passes the loop as an event of the core, and none of it is needed: a signal names the
// turn that is over, so one that is late, or of a program whose context is elsewhere,
// changes nothing.
//
// # Tiers
//
// With Config.HostBytes, and DiskBytes, copies of cells are kept below the engine. The
// core says what is copied where, and when; the loop keeps the host's copies, the disk
// has a goroutine of its own for its file.
//
//	device ──Save, a piece after each step──▶ host ──▶ disk's goroutine ──▶ file
//	       ◀──Load, a piece after each step──      ◀──
//
// A piece is at most 4 MiB, so that a step waits a millisecond or so for a move beside
// it. Pieces stay as the engine gave them (engine.Saved): nobody but the engine knows how
// cells lie in them. The file has no name and is gone with the process. What cannot be
// read back as it was written is a failed move: its cells are computed again.
//
// # Failure
//
// A step that fails ends its turns as failed. An engine that breaks, panics, or
// refuses what the core has accounted for, and Turns that fail, end Run with an
// error after every turn was handed back; the process should end then, since the
// engine may be in any state.
package node
