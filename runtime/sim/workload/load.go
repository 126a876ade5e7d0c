package workload

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Load reads the workload from the trace file NAME.jsonl.gz in dir: a JSON
// object a line, each a program. It takes all of a file or nothing: an error
// names the file, the line and what is wrong there, and wraps [os.ErrNotExist]
// when there is no such file.
func Load(dir, name string, opts ...Option) (*Set, error) {
	path := filepath.Join(dir, name+".jsonl.gz")
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("workload %s: %w; give a folder of trace files, or none to generate the programs", name, err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("workload %s: %s is not a gzip file: %w", name, path, err)
	}
	ps, err := read(unpacked, path, optionsOf(opts))
	if err != nil {
		return nil, fmt.Errorf("workload %s: %w", name, err)
	}
	return &Set{Name: name, Source: "traces " + dir, Programs: ps}, nil
}

const maxLine = 16 << 20 // bytes: a program of the most turns fits

// read reads programs, a line each, into a slice in which parents come before
// their children.
func read(r io.Reader, file string, o options) ([]Program, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	known := &index{at: make(map[string]int)}
	line := 1
	for ; lines.Scan(); line++ {
		err := known.add(lines.Bytes(), o)
		if err != nil && lines.Err() != nil {
			break // it is half a line, the last that could be read
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, line, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%s:%d: the file is cut off: %w; fetch it again", file, line, err)
	case err != nil:
		return nil, fmt.Errorf("%s:%d: %w", file, line, err)
	case len(known.programs) == 0:
		return nil, fmt.Errorf("%s: it holds no program", file)
	}
	return known.programs, nil
}

// index is the programs read so far, and where each is.
type index struct {
	programs []Program
	at       map[string]int
}

// add takes in the program of a line.
func (x *index) add(line []byte, o options) error {
	rec, err := parse(line)
	if err != nil {
		return err
	}
	if _, twice := x.at[rec.ID]; twice {
		return fmt.Errorf("program %s is in the file twice", rec.ID)
	}
	p, err := x.program(rec, o)
	if err != nil {
		return fmt.Errorf("program %s: %w", rec.ID, err)
	}
	x.at[rec.ID] = len(x.programs)
	x.programs = append(x.programs, p)
	return nil
}

// program makes the program that a record describes, and checks it.
func (x *index) program(rec *record, o options) (Program, error) {
	p := Program{ID: rec.ID, Source: rec.Source, Parent: -1}
	if rec.Parent != nil {
		parent, ok := x.at[*rec.Parent]
		switch {
		case !ok:
			return p, fmt.Errorf("its parent %s is not in the lines before it", *rec.Parent)
		case rec.ParentTurn == nil:
			return p, errors.New("it has a parent and no parent_turn")
		}
		p.Parent, p.ParentTurn, p.Async = parent, *rec.ParentTurn, rec.Async
	}
	p.SharedPrefix, p.SharedKey = rec.shared()
	for i := range rec.Turns {
		t, err := rec.Turns[i].turn()
		if err != nil {
			return p, fmt.Errorf("turn %d: %w", i, err)
		}
		p.Turns = append(p.Turns, t)
	}
	if err := p.Check(); err != nil {
		return p, err
	}
	if err := p.checkParent(x.programs); err != nil {
		return p, err
	}
	for i := range p.Turns {
		p.Turns[i].Gap = o.cut(p.Turns[i].Gap)
	}
	return p, nil
}
