package sched

import "github.com/interlude-run/interlude/programs"

// NoRetention gives a program's memory back when its turn is over, as a server
// without a prefix cache does. Turns are served in the order of their arrival.
type NoRetention struct{ queues }

// NewNoRetention makes the policy.
func NewNoRetention(Env) Policy { return &NoRetention{newQueues()} }

// Put implements Policy.
func (n *NoRetention) Put(_ programs.Time, p *Program) {
	p.Retention = Lend
	if p.Phase == programs.Interlude {
		p.Retention = Give
	}
	n.put(p, n.Rank(p), leastRecent(p))
}

// Rank implements Policy.
func (n *NoRetention) Rank(p *Program) programs.Rank { return p.rank(0, p.Turn.Arrived) }
