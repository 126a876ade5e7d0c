package node

import "sync"

// mailbox takes a turn's text from the loop, which never waits, to the turn's
// goroutine, which may be slow: text that has not been collected is joined.
// The loop puts, and closes once; the turn's goroutine waits for ready and
// takes.
type mailbox struct {
	ready chan struct{} // holds one, for whatever has come

	mu     sync.Mutex
	text   []byte
	marked []byte // with the model's marks in it
	end    *ending
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

// put adds text: as it is shown, and with the model's marks in it.
func (m *mailbox) put(text, marked string) {
	m.mu.Lock()
	m.text = append(m.text, text...)
	m.marked = append(m.marked, marked...)
	m.mu.Unlock()
	m.signal()
}

// close says how the turn ended; nothing follows.
func (m *mailbox) close(end *ending) {
	m.mu.Lock()
	m.end = end
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) signal() {
	select {
	case m.ready <- struct{}{}:
	default: // the goroutine has not woken yet and will find this too
	}
}

// take empties the mailbox. end is nil until the turn has ended.
func (m *mailbox) take() (text, marked string, end *ending) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, marked = string(m.text), string(m.marked)
	m.text, m.marked = m.text[:0], m.marked[:0]
	return text, marked, m.end
}
