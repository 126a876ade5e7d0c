package node_test

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/sdk/wire"
)

// keeper is a node.Keeper that notes what it gets.
type keeper struct {
	kept  []*core.Learnt
	ended int           // calls that said so
	gate  chan struct{} // that Keep waits for; nil: it does not
	err   error
}

func (k *keeper) Keep(l *core.Learnt, end bool) error {
	if k.gate != nil {
		<-k.gate
	}
	k.kept = append(k.kept, l)
	if end {
		k.ended++
	}
	return k.err
}

// turns is how many turns the value was learnt from.
func turnsOf(l *core.Learnt) (n float64) {
	for _, turns := range l.Remaining.All.Turns {
		n += turns
	}
	return n
}

// short is a turn of few tokens.
func short(w *wire.Turn) { w.Sampling.MaxTokens = 4 }

// TestWhatIsLearntSurvivesARestart: what a node has learnt is kept every few minutes in which
// something happened, and when it has drained, and the next node begins with it.
func TestWhatIsLearntSurvivesARestart(t *testing.T) {
	k := &keeper{}
	keep := func(s *stage) { s.Keeper, s.KeepEvery = k, time.Minute }
	play(t, keep, func(r *rig) {
		r.finished(r.ask("a", 1, "one", short))
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		if len(k.kept) != 1 || turnsOf(k.kept[0]) != 1 {
			r.Fatalf("ten minutes after a turn it has been kept %d times", len(k.kept))
		}
		r.finished(r.ask("a", 2, "two", short))
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(k.kept) != 2 || turnsOf(k.kept[1]) != 2 || k.ended != 0 {
			r.Fatalf("after another turn it has been kept %d times, %d at an end, of %v turns", len(k.kept), k.ended, turnsOf(k.kept[len(k.kept)-1]))
		}
		r.finished(r.ask("a", 3, "three", short))
		r.shutDown()
		if len(k.kept) != 3 || turnsOf(k.kept[2]) != 3 || k.ended != 1 {
			r.Errorf("at the end it has been kept %d times, %d at an end", len(k.kept), k.ended)
		}
	})

	last := k.kept[2]
	play(t, func(s *stage) { keep(s); s.Learnt = last }, func(r *rig) {
		if r.node.Core().Learnt != last {
			r.Error("who makes the core again does not begin with what it began with")
		}
		r.finished(r.ask("b", 1, "four", short))
		r.shutDown()
		if got := turnsOf(k.kept[3]); got != 4 {
			r.Errorf("the second run ends with %v turns, want 4", got)
		}
	})

	last = k.kept[3]
	play(t, func(s *stage) { keep(s); s.Learnt = last }, func(r *rig) {
		time.Sleep(10 * time.Minute)
		r.shutDown()
		if len(k.kept) != 5 {
			r.Fatalf("a run with nothing to do has kept what it began with %d times", len(k.kept)-4)
		}
		k.kept[4].At = last.At // draining may be a Step
		if !reflect.DeepEqual(k.kept[4], last) {
			r.Errorf("a run with nothing to do has kept %+v, and began with %+v", k.kept[4], last)
		}
	})
}

// TestSlowKeeperHoldsNobodyUp: turns go on while the Keeper writes, it is asked for one thing
// at a time, and Run waits for it.
func TestSlowKeeperHoldsNobodyUp(t *testing.T) {
	k := &keeper{}
	play(t, func(s *stage) {
		k.gate = make(chan struct{}) // in the bubble
		s.Keeper, s.KeepEvery = k, time.Minute
	}, func(r *rig) {
		for turn := range int64(3) {
			r.finished(r.ask("a", turn+1, "hi", short))
			time.Sleep(time.Minute)
		}
		r.stop()
		synctest.Wait()
		select {
		case <-r.ended:
			r.Error("the node ends, and its Keeper writes still")
		default:
		}
		close(k.gate)
		r.shutDown()
		if len(k.kept) != 2 || turnsOf(k.kept[0]) != 1 || turnsOf(k.kept[1]) != 3 || k.ended != 1 {
			r.Errorf("it was kept %d times, %d at an end", len(k.kept), k.ended)
		}
	})
}

// TestKeeperThatFails: a full disk costs nothing but what would have been kept.
func TestKeeperThatFails(t *testing.T) {
	k := &keeper{err: errTest}
	play(t, func(s *stage) { s.Keeper, s.KeepEvery = k, time.Minute }, func(r *rig) {
		for turn := range int64(2) {
			r.finished(r.ask("a", turn+1, "hi", short))
			time.Sleep(time.Minute)
		}
		r.shutDown()
		if len(k.kept) != 3 || r.err != nil {
			r.Errorf("it was asked %d times, and the node ended with %v", len(k.kept), r.err)
		}
	})
}

// TestBrokenEngineEndsNothing: what is known when the engine breaks is not kept as what a run
// has learnt.
func TestBrokenEngineEndsNothing(t *testing.T) {
	k := &keeper{}
	play(t, func(s *stage) { s.Keeper = k }, func(r *rig) {
		r.finished(r.ask("a", 1, "hi", short))
		r.engine.Fail(1, engine.ErrBroken)
		<-r.ask("a", 2, "hi", short).over
		<-r.ended
		if len(k.kept) != 0 || r.err == nil {
			r.Errorf("%d values were kept, and the node ended with %v", len(k.kept), r.err)
		}
	})
}
