package eventlog_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
)

// valve is a file that takes nothing until it is opened, and fails when it is full.
type valve struct {
	memory
	open chan struct{}
	room int

	mu      sync.Mutex
	written int
}

var errFull = errors.New("no space left on device")

func (v *valve) Write(p []byte) (int, error) {
	<-v.open
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.written+len(p) > v.room {
		n, _ := v.memory.Write(p[:v.room-v.written])
		v.written = v.room
		return n, errFull
	}
	v.written += len(p)
	return v.memory.Write(p)
}

// stopped notes what a writer says of its end.
type stopped struct{ errs []error }

func (s *stopped) because(err error) { s.errs = append(s.errs, err) }

// TestSlowDisk has more to write than may wait: Observe does not wait for the disk,
// and the log ends with the reason, and without a hole.
func TestSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &valve{open: make(chan struct{}), room: 1 << 20}
		var why stopped
		first := true
		gate := file.open
		file.open = make(chan struct{})
		close(file.open) // for the header
		w, err := eventlog.NewWriter(file, false, eventlog.Header{Config: tight()}, eventlog.Options{Buffer: 2000, Stopped: why.because})
		if err != nil {
			t.Fatal(err)
		}
		file.open = gate
		for i := range 100 {
			w.Observe(programs.Time(i), &core.Tick{}, nil)
			if first {
				time.Sleep(time.Second) // the goroutine is at the disk with this one
				first = false
			}
		}
		close(gate)
		if err := w.Close(); !errors.Is(err, eventlog.ErrBehind) {
			t.Errorf("Close: %v", err)
		}
		if len(why.errs) != 1 || !errors.Is(why.errs[0], eventlog.ErrBehind) {
			t.Errorf("the writer stopped with %v", why.errs)
		}
		r, err := eventlog.NewReader(&file.Buffer)
		if err != nil {
			t.Fatal(err)
		}
		n := programs.Time(0)
		for rec, err := range r.Records() {
			if err != nil {
				t.Fatal(err)
			}
			if rec.Now != n {
				t.Fatalf("event %d follows event %d", rec.Now, n-1)
			}
			n++
		}
		if n < 10 || n == 100 || r.End().Closed || !strings.Contains(r.End().Why, eventlog.ErrBehind.Error()) {
			t.Errorf("%d events, and the end %+v", n, r.End())
		}
	})
}

// TestFullDisk runs out of space: what fitted can be read.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &valve{open: make(chan struct{}), room: 3000}
		close(file.open)
		var why stopped
		w, err := eventlog.NewWriter(file, false, eventlog.Header{Config: tight()}, eventlog.Options{Stopped: why.because})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			w.Observe(programs.Time(i), &core.Tick{}, nil)
			time.Sleep(time.Second)
		}
		if err := w.Close(); !errors.Is(err, errFull) {
			t.Errorf("Close: %v", err)
		}
		if len(why.errs) != 1 || !errors.Is(why.errs[0], errFull) || !file.closed {
			t.Errorf("the writer stopped with %v, closed: %v", why.errs, file.closed)
		}
		r, err := eventlog.NewReader(&file.Buffer)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range r.Records() {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n < 10 || n == 100 || r.End().Closed {
			t.Errorf("%d events, and the end %+v", n, r.End())
		}
	})
}

// TestWithoutClose is a process that is killed: what came a moment ago is there.
func TestWithoutClose(t *testing.T) {
	for _, name := range []string{"log.jsonl", "log.jsonl.gz"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			w, err := eventlog.Create(path, eventlog.Header{Config: tight()}, eventlog.Options{Every: time.Microsecond})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			w.Observe(1, &core.Tick{}, nil)
			for events := 0; events == 0; time.Sleep(time.Millisecond) {
				r, err := eventlog.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				for _, err := range r.Records() {
					if err != nil {
						t.Fatal(err)
					}
					events++
				}
				if r.Close(); r.End().Closed {
					t.Fatal("it is closed already")
				}
			}
		})
	}
}

// TestCreate does not write over anything.
func TestCreate(t *testing.T) {
	dir := t.TempDir()
	full, empty := filepath.Join(dir, "full"), filepath.Join(dir, "empty")
	if err := errors.Join(os.WriteFile(full, []byte("dear diary"), 0o600), os.WriteFile(empty, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	h := eventlog.Header{Config: tight()}
	if _, err := eventlog.Create(full, h, eventlog.Options{}); err == nil || !strings.Contains(err.Error(), full) {
		t.Errorf("a file with something in it: %v", err)
	}
	if text, err := os.ReadFile(full); err != nil || string(text) != "dear diary" {
		t.Errorf("it has now %q, %v", text, err)
	}
	if _, err := eventlog.Create(filepath.Join(dir, "no", "folder"), h, eventlog.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if _, err := eventlog.Create(empty, eventlog.Header{Policy: "magic", Config: tight()}, eventlog.Options{}); err == nil {
		t.Error("a policy that there is not is logged")
	}
	w, err := eventlog.Create(empty, h, eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.Observe(1, &core.Tick{}, nil) // too late, and of no effect
	r, err := eventlog.Open(empty)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for rec, err := range r.Records() {
		t.Errorf("%v, %v in an empty log", rec, err)
	}
	if !r.End().Closed {
		t.Errorf("the end is %+v", r.End())
	}
}

// TestObserveAllocatesNothing for steps, which are most of what comes.
func TestObserveAllocatesNothing(t *testing.T) {
	file := &memory{}
	w, err := eventlog.NewWriter(file, false, eventlog.Header{Config: tight()}, eventlog.Options{Every: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ev := &core.StepDone{Results: make([]core.ItemResult, 32)}
	effects := []core.Effect{{Kind: core.RunStep, Items: make([]core.Item, 32)}}
	if n := testing.AllocsPerRun(10_000, func() { w.Observe(1, ev, effects) }); n > 0.1 { // the buffer grows
		t.Errorf("%v allocations for a step", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	w, err := eventlog.NewWriter(&memory{}, false, eventlog.Header{Config: tight()}, eventlog.Options{Buffer: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	ev := &core.StepDone{Results: make([]core.ItemResult, 32)}
	items := make([]core.Item, 32)
	for i := range items {
		items[i] = core.Item{Seq: 9, Turn: programs.TurnID{Program: "default/agent-7", Turn: 3}, From: 2345, Count: 1, Sample: true}
	}
	effects := []core.Effect{{Kind: core.RunStep, Items: items}}
	b.ReportAllocs()
	for b.Loop() {
		w.Observe(1, ev, effects)
	}
}
