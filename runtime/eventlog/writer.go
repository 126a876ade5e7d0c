package eventlog

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// Writer writes a log. Observe does not wait for the disk: it adds to a buffer, which
// a goroutine of the writer's own writes out every Options.Every; so much of the log
// is lost when the process is killed.
//
// # When the disk does not keep up
//
// A log has no holes. When more than Options.Buffer is not written yet, when the file
// refuses a write, or when an event cannot be put down, the log ends there: with a
// mark that says why, unless it is the file that refuses. Options.Stopped is told, once,
// and what is observed after that is left out. Whoever is observed goes on.
type Writer struct {
	options Options
	out     *bufio.Writer
	zip     *gzip.Writer // nil in a plain log
	file    io.WriteCloser

	mu      sync.Mutex
	pending []byte // complete lines that are to be written
	ended   bool   // nothing is to be added
	stopped error  // why, unless it was closed
	digester

	wake   chan struct{} // something is pending, of capacity 1
	ending chan struct{} // closed when ended is set
	done   chan struct{} // closed when the goroutine is no more
	err    error         // of the file; read after done
}

// Options are how a log is written. The zero Options are good ones.
type Options struct {
	Every   time.Duration // how long events are gathered; 0: 100 ms
	Buffer  int           // most bytes that wait to be written; 0: 16 MiB
	Stopped func(error)   // told, by the writer's goroutine, why the log ends before Close
}

// Marks of the end.
const (
	endClosed  = "closed"
	endStopped = "stopped"
)

// ErrBehind says that the disk was slower than events came.
var ErrBehind = errors.New("the disk is too slow for the events that come")

// Create begins a log in a file that is not there yet, or empty: a log is never
// overwritten.
func Create(path string, h Header, o Options) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create the event log: %w", err)
	}
	if info, err := f.Stat(); err != nil || info.Mode().IsRegular() && info.Size() > 0 {
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("create the event log: %w", err)
		}
		return nil, fmt.Errorf("event log %s: there is something in this file already: name another, or a folder, where each start has a file of its own", path)
	}
	w, err := NewWriter(syncedFile{f}, gzipped(path), h, o)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("event log %s: %w", path, err)
	}
	return w, nil
}

// syncedFile is on disk when it is closed.
type syncedFile struct{ *os.File }

func (f syncedFile) Close() error {
	err := f.Sync()
	if errors.Is(err, errors.ErrUnsupported) || !regular(f.File) {
		err = nil // a pipe
	}
	return errors.Join(err, f.File.Close())
}

func regular(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// NewWriter begins a log in a file that is open, which Close closes. The header is
// written at once.
func NewWriter(file io.WriteCloser, zip bool, h Header, o Options) (*Writer, error) {
	header, err := h.encode()
	if err != nil {
		return nil, err
	}
	if o.Every == 0 {
		o.Every = 100 * time.Millisecond
	}
	if o.Buffer == 0 {
		o.Buffer = 16 << 20
	}
	w := &Writer{
		options: o,
		file:    file,
		out:     bufio.NewWriter(file),
		wake:    make(chan struct{}, 1),
		ending:  make(chan struct{}),
		done:    make(chan struct{}),
	}
	if zip {
		w.zip, _ = gzip.NewWriterLevel(w.out, gzip.BestSpeed) // a level that there is
	}
	if err := w.write(append(header, '\n')); err != nil {
		return nil, fmt.Errorf("write the header: %w", err)
	}
	go w.run()
	return w, nil
}

// Observe adds an event and what came of it. It keeps nothing of them.
func (w *Writer) Observe(now programs.Time, ev core.Event, effects []core.Effect) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	before := len(w.pending)
	pending, err := appendEvent(w.pending, now, ev, w.digest(effects))
	switch {
	case err != nil:
		w.stop(err)
	case len(pending) > w.options.Buffer:
		w.pending = pending[:before]
		w.stop(ErrBehind)
	default:
		w.pending = pending
		w.rouse()
	}
}

// stop ends the log before its time. The lock is held.
func (w *Writer) stop(why error) {
	w.stopped = why
	w.pending = append(w.pending, `{"end":"`+endStopped+`","why":`...)
	text, _ := json.Marshal(why.Error()) // of a string there is no error
	w.pending = append(w.pending, text...)
	w.finish("}\n")
}

// finish adds the last of the log. The lock is held.
func (w *Writer) finish(last string) {
	w.pending = append(w.pending, last...)
	w.ended = true
	close(w.ending)
}

// rouse has the goroutine look at what is pending.
func (w *Writer) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Close writes what is left and the mark of the end, and waits for it. It returns why
// the log ended before that, if it did.
func (w *Writer) Close() error {
	w.mu.Lock()
	if !w.ended {
		w.finish(`{"end":"` + endClosed + "\"}\n")
	}
	w.mu.Unlock()
	<-w.done
	if err := errors.Join(w.stopped, w.err); err != nil {
		return fmt.Errorf("the event log is not whole: %w", err)
	}
	return nil
}

// run writes what is pending until the log has ended.
func (w *Writer) run() {
	defer close(w.done)
	var batch []byte
	for {
		select {
		case <-w.wake:
			w.gather()
		case <-w.ending:
		}
		var ended bool
		batch, ended = w.take(batch)
		if err := w.write(batch); err != nil {
			w.refused(err)
			return
		}
		if ended {
			w.err = w.close()
			if w.stopped != nil {
				w.tell(w.stopped)
			}
			return
		}
	}
}

// gather lets events come together, so that they are written at once.
func (w *Writer) gather() {
	timer := time.NewTimer(w.options.Every)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.ending:
	}
}

// take takes what is pending, for which it gives the buffer that was taken before.
func (w *Writer) take(empty []byte) (batch []byte, ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	batch, w.pending = w.pending, empty[:0]
	return batch, w.ended
}

// write writes a batch through to the file.
func (w *Writer) write(batch []byte) error {
	if w.zip == nil {
		w.out.Write(batch) // its error is Flush's
		return w.out.Flush()
	}
	if _, err := w.zip.Write(batch); err != nil {
		return err
	}
	return errors.Join(w.zip.Flush(), w.out.Flush())
}

// refused gives the log up, as its file takes nothing.
func (w *Writer) refused(err error) {
	w.mu.Lock()
	if !w.ended {
		w.ended = true
		close(w.ending)
	}
	w.pending = nil
	w.mu.Unlock()
	w.err = errors.Join(err, w.file.Close())
	w.tell(err)
}

func (w *Writer) tell(err error) {
	if w.options.Stopped != nil {
		w.options.Stopped(err)
	}
}

func (w *Writer) close() error {
	var err error
	if w.zip != nil {
		err = w.zip.Close()
	}
	return errors.Join(err, w.out.Flush(), w.file.Close())
}
