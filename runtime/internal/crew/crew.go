// Package crew does errands with few goroutines: as many as there is work for, up to a
// bound, and none when there is none.
//
//	c := crew.New(4, 2, func(e errand) { … })
//	c.Do(0, e)       // never waits; errands of class 0 go before those of class 1
//	c.Wait()         // until all are done; nobody calls Do meanwhile but errands themselves
package crew

import "sync"

// Crew does errands of type T. Any goroutine may use it.
type Crew[T any] struct {
	do   func(T)
	most int

	mu      sync.Mutex
	queues  []queue[T]
	working int
	all     sync.WaitGroup // of the errands that are not done
}

// New makes a crew of so many goroutines at most, for so many classes of errands.
func New[T any](most, classes int, do func(T)) *Crew[T] {
	return &Crew[T]{do: do, most: most, queues: make([]queue[T], classes)}
}

// Do has an errand done, after those of its class and of the classes before it.
func (c *Crew[T]) Do(class int, errand T) {
	c.all.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queues[class].push(errand)
	if c.working < c.most {
		c.working++
		go c.work()
	}
}

// Wait returns when all errands are done.
func (c *Crew[T]) Wait() { c.all.Wait() }

// work does errands until there are none.
func (c *Crew[T]) work() {
	for {
		errand, ok := c.next()
		if !ok {
			return
		}
		c.do(errand)
		c.all.Done()
	}
}

func (c *Crew[T]) next() (errand T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.queues {
		if errand, ok = c.queues[i].pop(); ok {
			return errand, true
		}
	}
	c.working--
	return errand, false
}

// queue gives errands in the order in which they came.
type queue[T any] struct {
	errands []T
	next    int
}

func (q *queue[T]) push(e T) { q.errands = append(q.errands, e) }

func (q *queue[T]) pop() (e T, ok bool) {
	if q.next == len(q.errands) {
		return e, false
	}
	var none T
	e, q.errands[q.next] = q.errands[q.next], none
	if q.next++; 2*q.next >= len(q.errands) { // half of it is done: what is left moves to the front
		left := copy(q.errands, q.errands[q.next:])
		clear(q.errands[left:])
		q.errands, q.next = q.errands[:left], 0
		if left == 0 {
			q.errands = nil
		}
	}
	return e, true
}
