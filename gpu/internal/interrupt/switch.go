// Package interrupt lets any goroutine ask that the work of another ends early.
package interrupt

import (
	"sync"
	"sync/atomic"
)

// Switch stands between the owner of a device, who calls Begin and End, and those
// who call Interrupt, which may come at any time: also before, after and during
// Close. The zero Switch is for a device that looks at no word.
type Switch struct {
	mu      sync.Mutex
	word    *atomic.Int64 // in the device's memory: 1 is go on, 0 is stop
	running bool
	asked   bool
}

// Attach names the word that the device looks at while it works, until Close.
func (s *Switch) Attach(word *atomic.Int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	word.Store(1)
	s.word = word
}

// Begin opens the time in which an Interrupt counts. Work outside of it is not
// interrupted.
func (s *Switch) Begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.asked = true, false
}

// End closes it and tells whether an Interrupt came.
func (s *Switch) End() (asked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	if s.word != nil {
		s.word.Store(1)
	}
	return s.asked
}

// Interrupt asks the work under way, if there is any, to end.
func (s *Switch) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return
	}
	s.asked = true
	if s.word != nil {
		s.word.Store(0)
	}
}

// Close forgets the word, whose memory may be given back afterwards.
func (s *Switch) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.word, s.running = nil, false
}
