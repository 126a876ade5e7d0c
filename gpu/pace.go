package gpu

import "time"

// pace chooses the number of compute threads of small steps by what steps cost.
//
// Consecutive decodes of equally many rows cost nearly the same, so that now and
// then one of them can be a probe: it runs on a thread more or less, and two
// probes in a row that win by a margin move the choice there. A probe that loses
// costs time, and the next one waits until that is a small share of what was
// computed in between; on a quiet machine probes become rare at once. Steps that
// are much slower than usual mean that somebody wants the processors, and bring
// the next probe forward.
type pace struct {
	all     int // threads of the pool
	chosen  int
	running int                          // of the step under way: chosen, or a probe's
	usual   [pacedRows + 1]time.Duration // per number of rows: what a step costs with the chosen number
	since   int                          // steps since the last probe
	wait    int                          // steps from one probe to the next
	slow    int                          // steps that cost much more, lately
	wins    int
	up      bool // direction of the last probe
}

const (
	pacedRows   = 16   // larger steps are prefills, whose cost varies with their shape
	firstWait   = 3    // steps before the first probe: a node may start beside a busy neighbour
	longestWait = 4096 // steps
	probeShare  = 0.02 // of the time may go into losing probes
	winFactor   = 0.92 // of the usual cost is a win
	slowFactor  = 1.35 // times the usual cost is slow
	slowEnough  = 4    // slow steps that bring a probe forward
	soon        = 24   // steps to it
)

func newPace(threads int) pace {
	return pace{all: threads, chosen: threads, running: threads, wait: firstWait}
}

// unpaced, in place of a number of rows, is work whose cost says nothing about
// decodes: a prefill, however short, or cells that are moved.
const unpaced = 0

// next is the number of threads for a decode of rows sequences.
func (p *pace) next(rows int) int {
	p.running = p.chosen
	if rows == unpaced || rows > pacedRows || p.usual[rows] == 0 || p.all == 1 {
		return p.running
	}
	if p.since++; p.since > p.wait || p.wins > 0 {
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

// took records what the step cost, if it was done.
func (p *pace) took(rows int, d time.Duration) {
	switch {
	case rows == unpaced || rows > pacedRows:
	case p.running != p.chosen:
		p.probed(rows, d)
	default:
		p.usually(rows, d)
	}
}

// probed judges a probe.
func (p *pace) probed(rows int, d time.Duration) {
	usual := float64(p.usual[rows])
	p.since = 0
	if float64(d) > winFactor*usual {
		p.wins = 0
		lost := max(float64(d)-usual, 0)
		p.wait = min(max(2*p.wait, int(lost/(probeShare*usual))), longestWait)
		return
	}
	if p.wins++; p.wins >= 2 {
		p.chosen, p.wins, p.slow, p.wait = p.running, 0, 0, soon
		clear(p.usual[:])
	}
}

// usually follows what steps cost with the chosen number, and counts the slow
// ones.
func (p *pace) usually(rows int, d time.Duration) {
	usual := &p.usual[rows]
	if *usual == 0 {
		*usual = d
		return
	}
	if float64(d) > slowFactor*float64(*usual) {
		if p.slow++; p.slow >= slowEnough && p.chosen == p.all {
			p.slow, p.wait = 0, min(p.wait, soon)
		}
	} else if p.slow > 0 && p.since%8 == 0 {
		p.slow--
	}
	*usual += (d - *usual) / 8 // a lasting change becomes the usual
}
