// Package programs is the vocabulary of Interlude: what an agent run is called,
// how its parts are counted, and through which phases it moves. It is a leaf:
// it decides nothing and imports no other package of the module.
//
// # Words
//
// A program is an agent run: turns of generation with tool calls between them.
// A turn is one generation request of a program. The time between two turns of
// a program is its interlude. The context of a program is the token sequence
// that its turns extend.
//
// # Phases of a turn
//
//	           admitted            prompt done
//	Waiting ───────────▶ Prefilling ─────────▶ Decoding
//	   ▲  │                │    │               │   │
//	   │  │   preempted    │    │               │   │
//	   └──┼────────────────┴────┼───────────────┘   │
//	      ▼                     ▼                   ▼
//	   Finished ◀───────────────┴───────────────────┘
//
// A turn whose cells are on a lower tier, or whose prompt is not at hand, is Restoring
// between Waiting and Prefilling: it has its place in memory, and what it computed before
// comes back, or its prompt is fetched.
//
// A turn is Finished once, with one Outcome. A turn that was never taken in is
// not in any phase: it got a Rejection.
//
// Its Class is who waits for it. What it cost is its Usage; what it did not find of what
// earlier turns of its program had left is Missed, with one reason, a Miss.
//
// # Phases of a program
//
//	  first turn        turn finished
//	─────────────▶ Active ─────────▶ Interlude
//	               │    ▲               │   │
//	               │    └───────────────┘   │
//	               │        next turn       │
//	               └───────▶ Ended ◀────────┘
//
// A program is Active while one turn of it waits or runs: it has one turn at a
// time.
//
// # Time
//
// Time and Duration count nanoseconds on a clock that the shell owns: a wall
// clock in production, a virtual one in the simulator. Nothing in this module's
// deterministic packages reads a clock; they are told the time.
package programs
