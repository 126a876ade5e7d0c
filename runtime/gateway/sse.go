package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// events writes server-sent events. It has one owner.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
	failed  error               // the client is gone, or too slow
	idle    func(stands string) // sends something where nothing happens: where the turn stands
}

// The bounds of a stream: how long a client may take for a portion of what is sent, in bytes,
// and how often something is sent where nothing happens, so that nobody in between ends the
// connection. A client that reads slowly is so sent much at once: it has time for all of it,
// as long as it reads.
const (
	slowest = 30 * time.Second
	portion = 4096
	idle    = 10 * time.Second
)

func newEvents(w http.ResponseWriter) *events {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	e := &events{w: w, control: http.NewResponseController(w)}
	e.idle = e.comment
	w.WriteHeader(http.StatusOK)
	e.flush()
	return e
}

// send writes an event; name is left out where it is empty.
func (e *events) send(name string, data any) {
	text, err := json.Marshal(data)
	if err != nil {
		panic("gateway: an event cannot be written: " + err.Error())
	}
	if name != "" {
		e.write("event: %s\ndata: %s\n\n", name, text)
		return
	}
	e.write("data: %s\n\n", text)
}

// comment is ignored by clients.
func (e *events) comment(text string) { e.write(": %s\n\n", text) }

func (e *events) write(format string, args ...any) {
	for part := range slices.Chunk(fmt.Appendf(nil, format, args...), portion) {
		if e.failed != nil {
			return
		}
		_ = e.control.SetWriteDeadline(time.Now().Add(slowest)) // a test's writer has none
		if _, err := e.w.Write(part); err != nil {
			e.failed = err
			return
		}
		e.flush()
	}
}

func (e *events) flush() {
	if err := e.control.Flush(); err != nil && e.failed == nil {
		e.failed = err
	}
}
