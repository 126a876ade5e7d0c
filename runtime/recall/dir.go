package recall

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// Engine is what the times in a file are of. Engines that are not equal are as fast as they
// like.
type Engine struct {
	Model    string
	Build    string // of the engine
	Device   string
	Settings string // those that change how fast it is
}

// ErrInUse says that another node has the folder open.
var ErrInUse = errors.New("another node has this folder open: each node wants a folder of its own")

// Dir is a folder that is open.
type Dir struct {
	// Found is what was there when the folder was opened.
	Found Found

	path   string
	engine Engine
	log    string // the event log of this run
	lock   *os.File
}

// Found is what was found in a folder.
type Found struct {
	Learnt      *core.Learnt // to begin with; nil is nothing
	Replayed    int          // events that it was rebuilt from, behind what the file has
	OtherEngine bool         // its times were of another engine, and were left out
	Refused     error        // why the file was put aside
	NotReplayed error        // why the event log of a run that was killed was not used, or not to its end
}

// Open opens the folder, which it makes if there is none, and reads what is there. It fails with
// ErrInUse, with ctx's error, or where the folder cannot be used; what it finds and cannot use
// is no failure.
func Open(ctx context.Context, path string, e Engine) (*Dir, error) {
	fail := func(err error) (*Dir, error) {
		return nil, fmt.Errorf("the folder for what is learnt, %s: %w", path, err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fail(err)
	}
	lock, err := lockFile(filepath.Join(path, "lock"))
	if err != nil {
		return fail(err)
	}
	d := &Dir{path: path, engine: e, lock: lock}
	if err := d.read(ctx); err != nil {
		lock.Close()
		return fail(err)
	}
	return d, nil
}

// read finds what is there.
func (d *Dir) read(ctx context.Context) error {
	zipped, err := os.Open(d.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer zipped.Close()
	before, err := decode(zipped)
	if err != nil {
		d.Found.Refused = fmt.Errorf("%s cannot be used: %w", d.file(), err)
		return os.Rename(d.file(), d.file()+".refused")
	}
	f := &d.Found
	f.Learnt = before.Learnt
	if before.EventLog != "" && !before.Ended {
		var newer *core.Learnt
		newer, f.Replayed, f.NotReplayed = rebuild(ctx, before.EventLog)
		if err := ctx.Err(); err != nil {
			return err
		}
		if newer != nil && newer.At > f.at() {
			f.Learnt = newer
		} else {
			f.Replayed = 0
		}
	}
	if f.Learnt != nil && before.Engine != d.engine {
		f.Learnt, f.OtherEngine = f.Learnt.OnAnotherEngine(), true
	}
	return nil
}

// at is the time of what was found; 0 of nothing.
func (f *Found) at() programs.Time {
	if f.Learnt == nil {
		return 0
	}
	return f.Learnt.At
}

// Begin notes that a run has begun, with what was found, and which event log it writes; "" is
// none.
func (d *Dir) Begin(eventLog string) (err error) {
	if eventLog != "" {
		if eventLog, err = filepath.Abs(eventLog); err != nil {
			return fmt.Errorf("begin in %s: %w", d.path, err)
		}
	}
	d.log = eventLog
	return d.Keep(d.Found.Learnt, false)
}

// Keep replaces the file. At the end of a run nothing that is learnt will follow. Where it fails
// the file is as it was.
func (d *Dir) Keep(l *core.Learnt, end bool) error {
	err := writeFile(d.file(), &file{Format: format, Engine: d.engine, EventLog: d.log, Ended: end, Learnt: l})
	if err != nil {
		return fmt.Errorf("keep what was learnt: %w", err)
	}
	return nil
}

// Close lets others have the folder.
func (d *Dir) Close() error { return d.lock.Close() }

func (d *Dir) file() string { return filepath.Join(d.path, "learnt.json.gz") }
