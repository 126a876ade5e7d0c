package sched

import "github.com/interlude-run/interlude/programs"

// NoRetention gives a program's memory back when its turn is over, as a server
// without a prefix cache does. Turns are served in the order of their arrival.
type NoRetention struct{ Queues }

// NewNoRetention makes the policy.
func NewNoRetention(Env) Policy { return &NoRetention{NewQueues(byTurn, byUse, LeastRecent)} }

// Put implements Policy.
func (n *NoRetention) Put(now programs.Time, p *Program) {
	p.Retention = Lend
	if p.Phase == programs.Interlude {
		p.Retention = Give
	}
	n.Queues.Put(now, p)
}
