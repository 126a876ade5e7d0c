package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/llama"
)

// Options say what to measure with.
type Options struct {
	Libraries     string
	Model         string
	Quantisations []string                                           // names, as results have them; none: all
	Cache         string                                             // folder for quantisations that are made of the model; empty: the one for temporary files
	Threads       int                                                // 0: all processors
	TuneFile      string                                             // see gpu.Options
	Quick         bool                                               // fewer repetitions
	Busy          func(ctx context.Context) (stop func(), err error) // starts a process that keeps one processor busy
	Progress      func(what string, done, of int)
}

const (
	sequences     = 8
	residents     = 32   // idle sequences
	contextLength = 1024 // tokens in each sequence before a measurement
	chunkLength   = 512  // tokens of a measured prefill
	margin        = 96   // cells that decodes may add
)

// effort is how much is measured.
type effort struct {
	repetitions, prefills int // even, so that each order of the arms has as many
	steps1, steps8        int // decodes of one sequence and of eight, in a repetition
	prose                 int // tokens
}

var (
	fullEffort  = effort{repetitions: 12, prefills: 6, steps1: 24, steps8: 6, prose: 512}
	quickEffort = effort{repetitions: 4, prefills: 2, steps1: 12, steps8: 3, prose: 64}
)

// Run measures. On two quiet cores it takes 8 minutes for all quantisations of the
// default model, and under 4 when quick.
func Run(ctx context.Context, o Options) (*Result, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if before, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid()); err == nil {
		defer setNice(20 - before) // the system call counts from 20 down
	}
	began := time.Now()
	if o.Threads == 0 {
		o.Threads = runtime.NumCPU()
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	chosen, err := choose(o.Quantisations)
	if err != nil {
		return nil, err
	}
	e := fullEffort
	if o.Quick {
		e = quickEffort
	}
	m := &measurement{ctx: ctx, o: o, effort: e, r: &Result{Summary: Summary{
		Model: o.Model, Threads: o.Threads, Quick: o.Quick, Repetitions: e.repetitions, PrefillRepetitions: e.prefills,
	}}}
	m.of = len(m.steps(true)) + (len(chosen)-1)*len(m.steps(false))
	for i, q := range chosen {
		if err := m.quantisation(q, i == 0); err != nil {
			return nil, err
		}
	}
	o.Progress("done", m.of, m.of)
	m.r.sum()
	m.r.Others = m.others.share()
	m.r.Seconds = time.Since(began).Seconds()
	return m.r, nil
}

// namedStep is a part of the run.
type namedStep struct {
	what    string
	do      func() error
	crowded bool // starts a process that competes
}

// steps are those of a quantisation; the first has some more.
func (m *measurement) steps(first bool) []namedStep {
	steps := []namedStep{
		{"opening", m.open, false},
		{"filling contexts", m.fill, false},
		{"decode, one sequence", m.decodeOne, false},
		{"decode, eight sequences", m.decodeEight, false},
		{"prefill", m.prefill, false},
		{"what the machine can do", m.limits, false},
	}
	if first {
		steps = append(steps,
			namedStep{"decode beside idle residents", m.idleResidents, false},
			namedStep{"decode beside a busy process", m.contended, true},
			namedStep{"what the conversion of weights costs", m.conversion, false})
	}
	return append(steps, namedStep{"how near ours is to libllama", m.nearness, false})
}

// quantisation measures one.
func (m *measurement) quantisation(q quantisation, first bool) (err error) {
	m.f = &Figures{Name: q.name, TokensPerSecond: map[string]Spread{}, RatioSpread: map[string]Spread{}}
	if m.f.Path, err = m.file(q); err != nil {
		return fmt.Errorf("bench: %s: %w", q.name, err)
	}
	defer m.close()
	for _, s := range m.steps(first) {
		m.others.begin()
		if err := m.step(q.name+": "+s.what, s.do); err != nil {
			return err
		}
		if !s.crowded {
			m.others.end()
		}
	}
	m.r.Quantisations = append(m.r.Quantisations, m.f)
	return nil
}

// step does a part of the run.
func (m *measurement) step(what string, do func() error) error {
	m.o.Progress(what, m.done, m.of)
	m.done++
	if err := m.ctx.Err(); err != nil {
		return err
	}
	if err := do(); err != nil {
		return fmt.Errorf("bench: %s: %w", what, err)
	}
	return nil
}

// file is the model in the quantisation.
func (m *measurement) file(q quantisation) (string, error) {
	lib, err := ggml.Open(m.o.Libraries)
	if err != nil {
		return "", err
	}
	l, err := llama.Of(lib)
	if err != nil {
		return "", err
	}
	if m.o.Cache == "" {
		m.o.Cache = os.TempDir()
	}
	return quantised(m.ctx, m.o, l, q, func(what string) { m.o.Progress(what, m.done, m.of) })
}
