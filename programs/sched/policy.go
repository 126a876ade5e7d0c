package sched

import "github.com/interlude-run/interlude/programs"

// Policy decides who is admitted to memory, who is preempted, and whose memory
// is taken. It is told of every change and keeps what it needs to answer each
// question in O(log n). It is deterministic: the same calls give the same
// answers. One owner at a time.
type Policy interface {
	// Put tells that p is new or has changed: its phases, its memory, its seat.
	// It comes at least whenever a turn begins to wait, runs, or is over. The
	// policy sets p.Retention.
	Put(now programs.Time, p *Program)

	// Drop tells that p, which was put, has ended, or is unknown from now on.
	Drop(p *Program)

	// Rank is p's place among the running: the first is served first and
	// preempted last. It is asked for when p is admitted, and holds until p
	// stops running.
	Rank(p *Program) programs.Rank

	// Next is the waiting program to be admitted next; nil when none may be.
	// When alone, nothing runs: unless nobody waits, the answer is not nil.
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
	// only while somebody does.
	Victim(now programs.Time) *Program

	// Obstacle, Ahead and Chosen explain: what the waiting p waits for, who stands
	// before it, and why p is the Victim. They change none of the answers above.
	Obstacle(now programs.Time, p *Program, alone bool) Obstacle
	Ahead(p *Program, visit func(*Program))
	Chosen(p *Program) Choice
}

// Retention is what happens to the memory of a program that does not run.
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

	// Shares are the tenants' weights and quotas; those not named have weight 1
	// and no quota.
	Shares map[programs.TenantID]Share
}

// Share is a tenant's part of the pool where tenants compete for it.
type Share struct {
	Weight float64         // relative to the others'; 0 is 1
	Quota  programs.Tokens // the most cells that its working set may have; 0 is no bound
}
