package gpu

import "time"

// pace chooses the number of compute threads of small steps by what steps cost.
//
// Consecutive decodes of equally many rows cost nearly the same, so a step that
// takes much longer than its like means that somebody else had the processor.
// Then, and while fewer threads than all are in use, every probeEvery-th step is
// a probe with another number; two probes in a row that win by a margin move the
// choice there. On a quiet machine nothing is probed and nothing changes.
type pace struct {
	all     int // threads of the pool
	chosen  int
	running int                          // of the step under way: chosen, or a probe's
	usual   [pacedRows + 1]time.Duration // per number of rows: what a step costs with the chosen number
	slow    int                          // steps that cost much more, lately
	since   int                          // steps since the last probe
	wins    int
	up      bool // direction of the next probe
}

const (
	pacedRows  = 16 // larger steps are prefills, whose cost varies with their shape
	probeEvery = 24
	slowFactor = 1.35 // a step slower than so many usual ones is evidence
	slowEnough = 4    // pieces of evidence before the first probe
	winFactor  = 0.92
)

func newPace(threads int) pace { return pace{all: threads, chosen: threads, running: threads} }

// next is the number of threads for a step of rows rows.
func (p *pace) next(rows int) int {
	p.running = p.chosen
	if rows > pacedRows || p.usual[rows] == 0 || p.all == 1 {
		return p.running
	}
	p.since++
	suspicious := p.slow >= slowEnough || p.chosen < p.all
	if suspicious && p.since >= probeEvery || p.wins > 0 {
		p.since = 0
		p.running = p.probe()
	}
	return p.running
}

// probe is a number of threads beside the chosen one: a step up and a step down
// in turn, where there is a choice.
func (p *pace) probe() int {
	if p.wins == 0 {
		p.up = !p.up
	}
	switch {
	case p.chosen == p.all:
		p.up = false
	case p.chosen == 1:
		p.up = true
	}
	if p.up {
		return p.chosen + 1
	}
	return p.chosen - 1
}

// took records what the step cost.
func (p *pace) took(rows int, d time.Duration) {
	if rows > pacedRows {
		return
	}
	usual := &p.usual[rows]
	if p.running != p.chosen {
		if float64(d) > winFactor*float64(*usual) {
			p.wins = 0
			return
		}
		if p.wins++; p.wins >= 2 {
			p.chosen, p.wins, p.slow = p.running, 0, 0
			clear(p.usual[:])
		}
		return
	}
	switch {
	case *usual == 0:
		*usual = d
	case float64(d) > slowFactor*float64(*usual):
		p.slow = min(p.slow+1, 2*slowEnough)
		*usual += (d - *usual) / 8 // a lasting change becomes the usual
	default:
		*usual += (d - *usual) / 8
		if p.since%8 == 0 && p.slow > 0 {
			p.slow--
		}
	}
}
