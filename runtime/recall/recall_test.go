package recall

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
)

var (
	ours   = Engine{Model: "m", Build: "b", Device: "cpu", Settings: "s"}
	theirs = Engine{Model: "n", Build: "b", Device: "cpu", Settings: "s"}
)

// run is a machine that serves turns, whose events may be logged.
type run struct {
	machine *core.Machine
	log     *eventlog.Writer
	now     programs.Time
	n       int
}

func newRun(t testing.TB, begin *core.Learnt, logTo string) *run {
	t.Helper()
	cfg := core.Config{
		Geometry:   kvpin.Geometry{CellBytes: 1, Granule: 16, Span: 64, PoolBytes: 4096},
		MaxContext: 1000, StepTokens: 256, MaxRunning: 4, Learnt: begin,
	}
	m, err := core.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{machine: m, now: programs.Time(programs.Hour)}
	if begin != nil {
		r.now = begin.At
	}
	if logTo != "" {
		if r.log, err = eventlog.Create(logTo, eventlog.Header{Config: cfg}, eventlog.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// serve serves turns, each of a program of its own.
func (r *run) serve(turns int) {
	for range turns {
		r.n++
		r.now = r.now.Add(programs.Second)
		id := programs.ProgramID(fmt.Sprint("p", r.n, "-", int64(r.now)))
		r.step(&core.TurnArrived{Turn: programs.TurnID{Program: id, Turn: 1}, Tenant: "a", Arrived: r.now, Context: 300, MaxNew: 9, Left: core.Left{Turns: 1}})
		r.step(&core.ProgramEnded{Program: id})
	}
}

func (r *run) step(ev core.Event) {
	effects := r.machine.Step(r.now, ev)
	if r.log != nil {
		r.log.Observe(r.now, ev, effects)
	}
	for _, e := range effects {
		if e.Kind == core.RunStep {
			r.now = r.now.Add(10 * programs.Millisecond)
			r.step(&core.StepDone{Results: make([]core.ItemResult, len(e.Items))})
			return
		}
	}
}

func open(t testing.TB, path string, e Engine) *Dir {
	t.Helper()
	d, err := Open(context.Background(), path, e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// turnsOf is how many turns were learnt from.
func turnsOf(l *core.Learnt) (n float64) {
	if l != nil {
		for _, turns := range l.Remaining.All.Turns {
			n += turns
		}
	}
	return n
}

// TestFromRunToRun: what one run keeps the next finds, and nothing of an engine that is another.
func TestFromRunToRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "state")
	first := open(t, path, ours)
	if !reflect.DeepEqual(first.Found, Found{}) {
		t.Fatalf("a new folder has %+v", first.Found)
	}
	if err := first.Begin(""); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), path, ours); !errors.Is(err, ErrInUse) {
		t.Fatalf("a folder that is in use is opened: %v", err)
	}
	r := newRun(t, nil, "")
	r.serve(20)
	learnt := r.machine.Learnt()
	if err := first.Keep(learnt, true); err != nil {
		t.Fatal(err)
	}
	first.Close()

	same := open(t, path, ours)
	if !reflect.DeepEqual(same.Found, Found{Learnt: learnt}) {
		t.Errorf("found is %+v, want %+v", same.Found, learnt)
	}
	same.Close()

	other := open(t, path, theirs)
	if !reflect.DeepEqual(other.Found, Found{Learnt: learnt.OnAnotherEngine(), OtherEngine: true}) {
		t.Errorf("on another engine %+v is found", other.Found)
	}
	if entries, err := os.ReadDir(path); err != nil || len(entries) != 2 {
		t.Errorf("the folder has %v, %v; want the file and the lock", entries, err)
	}
}

// TestRefused puts a file aside that cannot be used, and begins with nothing.
func TestRefused(t *testing.T) {
	r := newRun(t, nil, "")
	r.serve(3)
	var whole bytes.Buffer
	if err := encode(&whole, &file{Format: format, Engine: ours, Learnt: r.machine.Learnt()}); err != nil {
		t.Fatal(err)
	}
	text := unzipped(t, whole.Bytes())
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"nothing":       {nil, "EOF"},
		"no gzip":       {[]byte("hello, this is no zip"), "gzip"},
		"cut short":     {whole.Bytes()[:whole.Len()/2], "EOF"},
		"other JSON":    {zipped(t, `{"Format":"another"}`), "no file of what was learnt"},
		"other version": {zipped(t, strings.Replace(text, `"Version":1`, `"Version":7,"Future":[]`, 1)), "version 7"},
		"other field":   {zipped(t, strings.Replace(text, `"Ended"`, `"Started"`, 1)), "Started"},
		"negative":      {zipped(t, strings.Replace(text, `"Hidden":`, `"Hidden":-1`, 1)), "hidden"},
		"too large":     {zipped(t, strings.Replace(text, `"Mixed":0`, `"Mixed":1e999`, 1)), "1e999"},
		"more":          {zipped(t, text+"{}"), "after top-level value"},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			at := filepath.Join(path, "learnt.json.gz")
			if err := os.WriteFile(at, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			d := open(t, path, ours)
			if f := d.Found; f.Learnt != nil || f.Refused == nil || !strings.Contains(f.Refused.Error(), c.says) {
				t.Fatalf("found is %+v, want something of %q", f, c.says)
			}
			if aside, err := os.ReadFile(at + ".refused"); err != nil || !bytes.Equal(aside, c.file) {
				t.Errorf("what was refused is not put aside: %v", err)
			}
			if err := d.Keep(r.machine.Learnt(), true); err != nil {
				t.Fatal(err)
			}
			d.Close()
			if again := open(t, path, ours); turnsOf(again.Found.Learnt) != 3 {
				t.Errorf("after that %+v is found", again.Found)
			}
		})
	}
}

// TestWhatWouldBeRefusedIsNotKept leaves the file as it was.
func TestWhatWouldBeRefusedIsNotKept(t *testing.T) {
	path := t.TempDir()
	d := open(t, path, ours)
	r := newRun(t, nil, "")
	r.serve(3)
	if err := d.Keep(r.machine.Learnt(), false); err != nil {
		t.Fatal(err)
	}
	spoilt := r.machine.Learnt()
	spoilt.Speed.Scale = -1
	if err := d.Keep(spoilt, false); err == nil {
		t.Error("what is spoilt is kept")
	}
	d.Close()
	if again := open(t, path, ours); !reflect.DeepEqual(again.Found.Learnt, r.machine.Learnt()) {
		t.Errorf("found is %+v", again.Found)
	}
}

// TestKilled: a run that was killed has learnt what its event log says, as far as that can be
// replayed and is newer than the file.
func TestKilled(t *testing.T) {
	for name, c := range map[string]struct {
		kept  int                          // turns, after which the run kept what it had learnt
		ended bool                         // it did so at its end
		spoil func(t *testing.T, l string) // the log
		want  float64                      // turns found
		says  string                       // why not all
	}{
		"before it kept anything": {want: 30},
		"after it had":            {kept: 20, want: 30},
		"not killed":              {kept: 20, ended: true, want: 20},
		"no log":                  {kept: 20, spoil: func(t *testing.T, l string) { check(t, os.Remove(l)) }, want: 20, says: "no such file"},
		"no event log":            {kept: 20, spoil: func(t *testing.T, l string) { check(t, os.WriteFile(l, []byte("x\n"), 0o600)) }, want: 20, says: "header"},
		"a pipe":                  {kept: 20, spoil: pipe, want: 20, says: "no file"},
		"cut short":               {kept: 20, spoil: cut(28), want: 28},
		"cut before the file":     {kept: 20, spoil: cut(5), want: 20},
		"decided otherwise":       {kept: 20, spoil: differ, want: 20, says: "decided otherwise"},
	} {
		t.Run(name, func(t *testing.T) {
			path, log := t.TempDir(), filepath.Join(t.TempDir(), "log.jsonl")
			d := open(t, path, ours)
			if err := d.Begin(log); err != nil {
				t.Fatal(err)
			}
			r := newRun(t, nil, log)
			r.serve(c.kept)
			if c.kept > 0 {
				check(t, d.Keep(r.machine.Learnt(), c.ended))
			}
			r.serve(30 - c.kept)
			check(t, r.log.Close())
			d.Close()
			if c.spoil != nil {
				c.spoil(t, log)
			}

			d = open(t, path, ours)
			f := d.Found
			if got := turnsOf(f.Learnt); got != c.want || (f.Replayed > 0) != (c.want != 20) {
				t.Errorf("%v turns are found, %d events replayed, want %v", got, f.Replayed, c.want)
			}
			if (f.NotReplayed == nil) != (c.says == "") || f.NotReplayed != nil && !strings.Contains(f.NotReplayed.Error(), c.says) {
				t.Errorf("the log is not replayed because of %v, want %q", f.NotReplayed, c.says)
			}
			if c.want == 30 && !reflect.DeepEqual(f.Learnt, r.machine.Learnt()) {
				t.Error("what is found is not what the machine had learnt")
			}
		})
	}
}

// TestKilledAgain: the log of a run begins with what the one before had learnt, so that nothing
// is lost when several are killed in turn.
func TestKilledAgain(t *testing.T) {
	path, logs := t.TempDir(), t.TempDir()
	for i := range 3 {
		d := open(t, path, ours)
		if got := turnsOf(d.Found.Learnt); got != float64(10*i) {
			t.Fatalf("start %d finds %v turns", i, got)
		}
		log := filepath.Join(logs, fmt.Sprint(i))
		check(t, d.Begin(log))
		r := newRun(t, d.Found.Learnt, log)
		r.serve(10)
		check(t, r.log.Close())
		d.Close()
	}
}

// TestGivenUp: a start that is called off does not go on with half of a log.
func TestGivenUp(t *testing.T) {
	path, log := t.TempDir(), filepath.Join(t.TempDir(), "log.jsonl")
	d := open(t, path, ours)
	check(t, d.Begin(log))
	r := newRun(t, nil, log)
	r.serve(3)
	check(t, r.log.Close())
	d.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, path, ours); !errors.Is(err, context.Canceled) {
		t.Errorf("it is opened: %v", err)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pipe(t *testing.T, log string) {
	check(t, os.Remove(log))
	check(t, syscall.Mkfifo(log, 0o600))
}

// cut leaves of a log what so many turns have left, and half a line.
func cut(turns int) func(*testing.T, string) {
	return func(t *testing.T, log string) {
		text, err := os.ReadFile(log)
		check(t, err)
		at := 0
		for range turns {
			at += strings.Index(string(text[at:]), `"event":"ProgramEnded"`) + 1
		}
		at += bytes.IndexByte(text[at:], '\n') + 10
		check(t, os.WriteFile(log, text[:at], 0o600))
	}
}

// differ changes what is said to have come of the third event.
func differ(t *testing.T, log string) {
	text, err := os.ReadFile(log)
	check(t, err)
	lines := bytes.SplitAfter(text, []byte("\n"))
	at := bytes.Index(lines[3], []byte(`"digest":"`)) + len(`"digest":"`)
	copy(lines[3][at:], "0123456789abcdef")
	check(t, os.WriteFile(log, bytes.Join(lines, nil), 0o600))
}

func zipped(t testing.TB, text string) []byte {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, err := zip.Write([]byte(text))
	check(t, errors.Join(err, zip.Close()))
	return out.Bytes()
}

func unzipped(t testing.TB, file []byte) string {
	zip, err := gzip.NewReader(bytes.NewReader(file))
	check(t, err)
	var out bytes.Buffer
	_, err = out.ReadFrom(zip)
	check(t, err)
	return strings.TrimSpace(out.String())
}

// FuzzDecode reads any text: it is refused, or can be begun with, and is the same when it is
// written again.
func FuzzDecode(f *testing.F) {
	r := newRun(f, nil, "")
	r.serve(5)
	for _, l := range []*core.Learnt{nil, r.machine.Learnt(), r.machine.Learnt().OnAnotherEngine()} {
		text, err := json.Marshal(&file{Format: format, Engine: ours, EventLog: "l", Learnt: l})
		check(f, err)
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := decode(bytes.NewReader(zipped(t, text)))
		if err != nil {
			return
		}
		newRun(t, got.Learnt, "")
		var out bytes.Buffer
		check(t, encode(&out, got))
		again, err := decode(&out)
		check(t, err)
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(again)
		if !bytes.Equal(a, b) {
			t.Fatalf("%s\nis read again as\n%s", a, b)
		}
	})
}
