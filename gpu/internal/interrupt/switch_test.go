package interrupt

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestInterruptCountsWhileWorkIsUnderWay(t *testing.T) {
	for name, attached := range map[string]bool{"a device that looks": true, "one that does not": false} {
		t.Run(name, func(t *testing.T) {
			var s Switch
			var word atomic.Int64
			if attached {
				s.Attach(&word)
			} else {
				word.Store(1)
			}
			s.Interrupt()
			if word.Load() != 1 {
				t.Error("the word says stop while nothing runs")
			}
			s.Begin()
			if s.End() {
				t.Error("an interrupt before the work counts")
			}
			s.Begin()
			s.Interrupt()
			if stops := word.Load() == 0; stops != attached {
				t.Errorf("the word says stop: %v", stops)
			}
			if !s.End() || word.Load() != 1 {
				t.Errorf("an interrupt of the work does not count, or the word stays %d", word.Load())
			}
			s.Begin()
			if s.End() {
				t.Error("an interrupt counts twice")
			}
		})
	}
}

// The word is not written once Close has returned: its memory is gone.
func TestInterruptBesideClose(t *testing.T) {
	for range 50 {
		var s Switch
		word := new(atomic.Int64)
		s.Attach(word)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 100 {
					s.Interrupt()
				}
			})
		}
		for range 5 {
			s.Begin()
			s.End()
		}
		s.Begin()
		s.Close()
		const freed = 7
		word.Store(freed)
		wg.Wait()
		s.Interrupt()
		if word.Load() != freed {
			t.Fatal("the word was written after Close")
		}
	}
}
