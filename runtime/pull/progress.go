package pull

import (
	"fmt"
	"io"
	"os"

	"github.com/cheggaaa/pb/v3"
	"github.com/mattn/go-isatty"
)

// Progress hears what a pull does. A pull makes one call at a time; a Progress
// that is shared by several pulls must bear concurrent calls.
type Progress interface {
	// Note is one line for people.
	Note(text string)
	// Begin starts a transfer of total bytes; 0 is an unknown total. The
	// Meter is ended before the next one begins.
	Begin(what string, total int64) Meter
}

// Meter follows one transfer.
type Meter interface {
	// At says how many bytes are here. It may go back: a transfer can start over.
	At(done int64)
	End()
}

// Show writes progress for people: a bar where w is a terminal, else a line at
// every quarter.
func Show(w io.Writer) Progress {
	if f, ok := w.(*os.File); ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())) {
		return bars{w}
	}
	return lines{w}
}

type silence struct{}

func (silence) Note(string)               {}
func (silence) Begin(string, int64) Meter { return silence{} }
func (silence) At(int64)                  {}
func (silence) End()                      {}

// bars draws on a terminal.
type bars struct{ w io.Writer }

func (s bars) Note(text string) { fmt.Fprintln(s.w, text) }

func (s bars) Begin(what string, total int64) Meter {
	b := pb.New64(total).SetTemplate(pb.Full).SetWriter(s.w)
	b.Set(pb.Bytes, true).Set(pb.SIBytesPrefix, true).Set("prefix", "fetching "+what)
	return bar{b.Start()}
}

type bar struct{ b *pb.ProgressBar }

func (b bar) At(done int64) { b.b.SetCurrent(done) }
func (b bar) End()          { b.b.Finish() }

// lines is for logs and pipes.
type lines struct{ w io.Writer }

func (s lines) Note(text string) { fmt.Fprintln(s.w, text) }

func (s lines) Begin(what string, total int64) Meter {
	of := ""
	if total > 0 {
		of = " (" + Size(total) + ")"
	}
	fmt.Fprintf(s.w, "fetching %s%s\n", what, of)
	return &line{w: s.w, what: what, total: total}
}

type line struct {
	w           io.Writer
	what        string
	done, total int64
	quarter     int64 // the last one told
}

func (l *line) At(done int64) {
	l.done = done
	if l.total <= 0 {
		return
	}
	if q := 4 * done / l.total; q > l.quarter && q < 4 {
		l.quarter = q
		fmt.Fprintf(l.w, "  %s: %d%% of %s\n", l.what, 25*q, Size(l.total))
	}
}

func (l *line) End() { fmt.Fprintf(l.w, "  %s: %s are here\n", l.what, Size(l.done)) }
