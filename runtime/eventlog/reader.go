package eventlog

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/interlude-run/interlude/programs"
)

// Reader reads a log from its beginning to its end, once.
type Reader struct {
	header *Header
	lines  *bufio.Reader
	text   []byte // of the line at hand
	file   io.Closer
	line   int
	now    programs.Time
	end    End
}

// End tells how a log ends.
type End struct {
	Closed bool   // its writer closed it: nothing is missing
	Why    string // why nothing more follows, in words
}

// The longest lines that a log may have, in bytes. A header has all that the machine had learnt
// before.
const (
	longest       = 1 << 20
	longestHeader = 256 << 20
)

// Open opens the log of a file, and reads its header.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	var in io.Reader = f
	if gzipped(path) {
		if in, err = gzip.NewReader(f); err != nil {
			f.Close()
			return nil, fmt.Errorf("event log %s: %w", path, err)
		}
	}
	r, err := NewReader(in)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("event log %s: %w", path, err)
	}
	r.file = f
	return r, nil
}

// NewReader reads a log's header.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{lines: bufio.NewReaderSize(in, longest)}
	line, whole, err := r.next(longestHeader)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case !whole:
		return nil, errors.New("the file ends before the header does")
	}
	if r.header, err = decodeHeader(line); err != nil {
		return nil, err
	}
	return r, nil
}

// Header is what the log's first line says.
func (r *Reader) Header() *Header { return r.header }

// End tells how the log ends, when all events have been read.
func (r *Reader) End() End { return r.end }

// Close closes the file.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Records gives the events in their order. An error, which names its line, is the
// last. A record is the caller's.
func (r *Reader) Records() iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		for {
			rec, err := r.record()
			if err != nil {
				yield(nil, fmt.Errorf("line %d: %w", r.line, err))
				return
			}
			if rec == nil || !yield(rec, nil) {
				return
			}
		}
	}
}

// record reads a line; at the log's end it gives none.
func (r *Reader) record() (*Record, error) {
	line, whole, err := r.next(longest)
	switch {
	case errors.Is(err, io.EOF) && len(line) == 0:
		r.end = End{Why: fmt.Sprintf("no mark of the end behind line %d: the node was killed, or writes it still", r.line-1)}
		return nil, nil
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	}
	var l eventLine
	if err := strictly(line, &l); err != nil {
		if !whole {
			r.end = End{Why: fmt.Sprintf("cut short in line %d: the node was killed, its disk is full, or it writes it still", r.line)}
			return nil, nil
		}
		return nil, err
	}
	if l.End != "" {
		return nil, r.ended(&l)
	}
	rec, err := decodeEvent(&l)
	if err != nil {
		return nil, err
	}
	if rec.Now < r.now && r.line > 2 {
		return nil, fmt.Errorf("at %d, which is before the event of the line above, at %d", rec.Now, r.now)
	}
	rec.Line, r.now = r.line, rec.Now
	return rec, nil
}

// ended takes the end's mark in.
func (r *Reader) ended(l *eventLine) error {
	switch l.End {
	case endClosed:
		r.end = End{Closed: true, Why: "closed"}
	case endStopped:
		r.end = End{Why: "writing stopped: " + l.Why}
	default:
		return fmt.Errorf("there is no end called %q", l.End)
	}
	if rest, _, err := r.next(longest); len(rest) > 0 || err == nil {
		return errors.New("something follows the end of the log")
	}
	return nil
}

// next reads a line of at most so many bytes, which is good until the next; whole tells whether
// it ends as lines do. What is cut off is at its end, io.EOF.
func (r *Reader) next(most int) (line []byte, whole bool, err error) {
	r.line++
	r.text = r.text[:0]
	for {
		part, err := r.lines.ReadSlice('\n')
		r.text = append(r.text, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(r.text) < most:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, false, fmt.Errorf("longer than %d bytes", most)
		case errors.Is(err, io.ErrUnexpectedEOF): // of a gzip stream
			err = io.EOF
		}
		return r.text, err == nil, err
	}
}

func gzipped(path string) bool { return strings.HasSuffix(path, ".gz") }
