package gpu

import (
	"testing"
	"time"
)

// step runs one step of a single row whose cost depends on the threads.
func (p *pace) step(cost func(threads int) time.Duration) (threads int) {
	threads = p.next(1)
	p.took(1, cost(threads))
	return threads
}

func TestPaceOfAQuietMachine(t *testing.T) {
	p := newPace(4)
	for i := range 1000 {
		// Noise of a tenth, as machines have it.
		n := p.step(func(n int) time.Duration { return time.Duration(1000/n+i%7*15) * time.Microsecond })
		if n != 4 {
			t.Fatalf("step %d ran on %d threads of 4", i, n)
		}
	}
}

// A neighbour takes one of two processors: two threads then cost three times
// what one does, now and then thirty times. When it leaves, two are better again.
func TestPaceBesideANeighbour(t *testing.T) {
	p := newPace(2)
	quiet := func(n int) time.Duration { return 10 * time.Millisecond / time.Duration(n) }
	i := 0
	contended := func(n int) time.Duration {
		i++
		if n == 1 {
			return 11 * time.Millisecond
		}
		if i%10 == 0 {
			return 150 * time.Millisecond
		}
		return time.Duration(25+i%5*4) * time.Millisecond
	}
	for range 100 {
		p.step(quiet)
	}
	for range 400 {
		p.step(contended)
	}
	if p.chosen != 1 {
		t.Errorf("beside a neighbour %d threads are chosen, want 1", p.chosen)
	}
	for range 400 {
		p.step(quiet)
	}
	if p.chosen != 2 {
		t.Errorf("after the neighbour %d threads are chosen, want 2", p.chosen)
	}
}

func TestPaceLeavesPrefillsAlone(t *testing.T) {
	p := newPace(2)
	for i := range 500 {
		if n := p.next(200); n != 2 {
			t.Fatalf("a prefill runs on %d threads", n)
		}
		p.took(200, time.Duration(i%9+1)*time.Second)
	}
}
