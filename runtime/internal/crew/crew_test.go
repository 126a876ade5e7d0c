package crew_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/interlude-run/interlude/runtime/internal/crew"
)

// TestOrder: one goroutine, which finds errands of two classes when it is free.
func TestOrder(t *testing.T) {
	free := make(chan struct{})
	var done []int
	c := crew.New(1, 2, func(n int) {
		<-free
		done = append(done, n)
	})
	for n := range 100 {
		c.Do(1, n)
	}
	c.Do(0, 1000)
	close(free)
	c.Wait()
	late := slices.Index(done, 1000)
	done = slices.Delete(done, late, late+1)
	if late > 1 || len(done) != 100 || !slices.IsSorted(done) {
		t.Errorf("the errand that goes first was done after %d others; the others: %v", late, done)
	}
}

// TestBound: no more goroutines than it says, errands that ask for errands included, and
// none when all is done.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		busy, most, total := 0, 0, 0
		gate := make(chan struct{})
		var c *crew.Crew[int]
		c = crew.New(3, 1, func(n int) {
			mu.Lock()
			busy++
			total++
			most = max(most, busy)
			mu.Unlock()
			<-gate
			if n > 0 {
				c.Do(0, n-1)
			}
			mu.Lock()
			busy--
			mu.Unlock()
		})
		for range 10 {
			c.Do(0, 2)
		}
		synctest.Wait()
		if busy != 3 {
			t.Errorf("%d are busy", busy)
		}
		close(gate)
		c.Wait()
		if most != 3 || total != 30 {
			t.Errorf("%d errands, %d at once", total, most)
		}
	})
}
