package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// TestPriority: all threads that libllama computes with have the priority that it is
// given, so that it is not the loser of every contest with ours.
func TestPriority(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	if err != nil {
		t.Fatal(err)
	}
	defer setNice(20 - before)
	const nice = 7 // lower than normal: anybody may have it
	lib := fixture.Libraries(t)
	p, err := openOpponent(Options{Libraries: fixture.Dir(t), Threads: 3}, synth.File(t, lib, synth.Options{}), nice)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	a, err := p.newArm(1, contextLength+chunkLength+margin, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := awake(a, a.fill); err != nil {
		t.Fatal(err)
	}
	if got := threadsOf(t, nice); got != 3 {
		t.Errorf("%d threads have nice %d, want 3", got, nice)
	}
	if err := p.setPriority(nice + 2); err != nil {
		t.Fatal(err)
	}
	if err := a.rewind(1, contextLength, 1); err != nil {
		t.Fatal(err)
	}
	if err := awake(a, func() error { return a.decode(1) }); err != nil {
		t.Fatal(err)
	}
	if low, lower := threadsOf(t, nice), threadsOf(t, nice+2); low != 0 || lower != 3 {
		t.Errorf("afterwards %d threads have nice %d and %d %d, want 0 and 3", low, nice, lower, nice+2)
	}
}

// threadsOf counts this process's threads of a priority.
func threadsOf(t *testing.T, nice int) (n int) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/stat")
	if err != nil || len(files) == 0 {
		t.Skip("the system does not tell threads' priorities")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		_, rest, _ := strings.Cut(string(data), ") ")
		if f := strings.Fields(rest); f[16] == fmt.Sprint(nice) { // the 19th of all fields
			n++
		}
	}
	return n
}

// TestArrangements: whatever the arrangement, the logits after a sequence of libllama's
// are those that it has alone, so that all of them do the work that is compared.
func TestArrangements(t *testing.T) {
	lib := fixture.Libraries(t)
	p, err := openOpponent(Options{Libraries: fixture.Dir(t), Threads: 1}, synth.File(t, lib, synth.Options{Embd: 128, Seed: 2}), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	var single *libllama
	var alone []float32
	for _, c := range []struct {
		n       int
		unified bool
	}{{1, false}, {sequences, false}, {sequences, true}} {
		a, err := p.newArm(c.n, contextLength+margin, c.unified)
		if err != nil {
			t.Fatal(err)
		}
		if c.unified {
			a.like = single
		}
		err = awake(a, func() error {
			if err := a.fill(); err != nil {
				return err
			}
			// Two steps, of which the second sees cells that the first has written.
			if err := a.rewind(c.n, contextLength-3, 2); err != nil {
				return err
			}
			if err := a.decode(c.n); err != nil {
				return err
			}
			return a.decode(c.n)
		})
		if err != nil {
			t.Fatal(err)
		}
		if single == nil {
			single, alone = a, slices.Clone(a.context.Logits(0))
		}
		for s := range c.n {
			most, off := float32(0), float32(0)
			for i, v := range a.context.Logits(s) {
				most, off = max(most, v, -v), max(off, v-alone[i], alone[i]-v)
			}
			if off > 0.02*most {
				t.Errorf("%d sequences, unified %v: logits after sequence %d are off by %.3g of up to %.3g", c.n, c.unified, s, off, most)
			}
		}
	}
}
