package sched

import "github.com/interlude-run/interlude/programs"

// Policy decides who is admitted to memory, who is preempted, and whose memory
// is taken. It is told of every change and keeps what it needs to answer each
// question in O(log n). It is deterministic: the same calls give the same
// answers. One owner at a time.
//
// It may be an Explainer, a Preempter, a Sharer or an Insider besides.
type Policy interface {
	// Put tells that p is new or has changed: its phases, its memory, its seat.
	// It comes at least whenever a turn begins to wait, runs, or is over, and when
	// a hold has ended. The policy sets p.Retention.
	Put(now programs.Time, p *Program)

	// Drop tells that p, which was put, has ended, or is unknown from now on.
	Drop(p *Program)

	// Rank is p's place among the running: the first is served first and
	// preempted last. It is asked for when p is admitted, and holds until p
	// stops running, unless the policy is a Preempter.
	Rank(p *Program) programs.Rank

	// Next is the waiting program to be admitted next; nil when none may be.
	// When alone, nothing runs: unless nobody waits, the answer is not nil. To
	// answer it may change its orders (resume who was paused, put forward who has
	// waited for long), and nobody's retention; asked again when nothing has been
	// put since, it gives the same answer.
	Next(now programs.Time, alone bool) *Program

	// Lapse gives a program whose retention was Hold until now and is Lend from
	// now on, as its time is up; nil when there is none. It is asked until then,
	// before every plan.
	Lapse(now programs.Time) *Program

	// Blocked tells that p, the Next, finds no room. The answer is a program
	// whose retention was Hold and is Lend from now on, or nil to let p wait.
	// When alone, nothing runs: the answer is nil only if nobody is held.
	Blocked(now programs.Time, p *Program, alone bool) *Program

	// Victim is whose memory is taken next: a program that lends it. It is asked
	// only while somebody does, and as often as anybody likes: it changes no
	// answer of the policy's.
	Victim(now programs.Time) *Program
}

// Explainer is a Policy that says why it answers as it does. None of its methods
// changes an answer of the policy's. Of a policy that is none, reasons and grounds are
// ForUnexplained and Unexplained.
type Explainer interface {
	// Obstacle is what the waiting p waits for; ForNothing of the Next alone. When
	// alone, nothing runs.
	Obstacle(now programs.Time, p *Program, alone bool) Obstacle

	// Ahead calls visit for the programs that stand before the waiting p and take
	// of what it waits for.
	Ahead(p *Program, visit func(*Program))

	// Chosen is why p is the Victim, which it is just now.
	Chosen(p *Program) Choice
}

// Preempter is a Policy whose order goes for running turns as well. The Scheduler asks
// for the Rank of each of them before every plan, as it may change while they run.
type Preempter interface {
	// Preempts tells whether next, which waits while as many turns run as may, is
	// to have the place of last, the last in rank of those that run. It changes no
	// answer of the policy's. One turn cedes its place in a plan, and none for
	// memory alone: in a full pool turns would take one another's cells, compute
	// them again, and none would get on.
	Preempts(next, last *Program) bool
}

// Sharer is a Policy that divides memory between tenants.
type Sharer interface {
	// Share gives the tenants' weights and quotas; those not named have weight 1
	// and no quota. It comes once, before the first Put, if there are any.
	Share(shares map[programs.TenantID]Share)
}

// Insider is a Policy that would not let every program in. Under any other, every
// program is inside.
type Insider interface {
	// Inside tells whether a turn of the idle p would be let in, were it to come
	// now. It changes no answer of the policy's.
	Inside(p *Program) bool
}

// Retention is what happens to the memory of a program that does not run. It is the
// policy's word, and whoever owns the memory books by it. So the owner must hear of
// every change, and these are the rules:
//
//   - Put sets it, for the program that is put and for no other, to whatever it likes;
//     to Give in an interlude alone.
//   - Otherwise it changes in Lapse and Blocked alone, from Hold to Lend, of the
//     program that is their answer and of no other. So a program that lends memory
//     goes on lending it, and is fit to be the Victim, until it is put again.
//   - Of a running program it means nothing.
//
// The Scheduler checks every answer, and panics with the policy, the program and the
// rule that is broken.
type Retention uint8

// What a policy may say of it.
const (
	Lend Retention = iota // it stays until somebody needs it
	Hold                  // it stays: a hard pin
	Give                  // it goes at once
)

// String names the retention in lower case.
func (r Retention) String() string { return [...]string{"lend", "hold", "give"}[r] }

// Env is what a policy may know of its surroundings.
type Env struct {
	// Pool is how many cells there are for private use: all, less those that are
	// shared. It may change over time.
	Pool func() programs.Tokens

	// Host is how many cells the tier below the pool has room for; 0 is none.
	Host programs.Tokens
}

// Share is a tenant's part of the pool where tenants compete for it, see Sharer.
type Share struct {
	Weight float64         // relative to the others'; 0 is 1
	Quota  programs.Tokens // the most cells that its working set may have; 0 is no bound
}
