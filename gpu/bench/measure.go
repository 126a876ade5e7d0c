package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/interlude-run/interlude/gpu"
	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
)

// measurement is a run under way.
type measurement struct {
	ctx      context.Context
	o        Options
	effort   effort
	r        *Result
	done, of int // steps
	others   others

	// Of the quantisation that is measured.
	f          *Figures
	ours, same *own
	opponent   *opponent
	single     *libllama // one sequence, with a cache of its own
	streams    *libllama // eight, each with a cache of its own
	unified    *libllama // eight in one cache
}

func (m *measurement) open() (err error) {
	if m.ours, err = openOwn(m.o, m.f.Path, gpu.Options{}); err != nil {
		return err
	}
	if m.same, err = openOwn(m.o, m.f.Path, gpu.Options{Weights: "repacked", Layout: "rows"}); err != nil {
		return err
	}
	if m.opponent, err = openOpponent(m.o, m.f.Path, m.ours.engine.Priority()); err != nil {
		return err
	}
	if m.single, err = m.opponent.newArm(1, contextLength+chunkLength+margin, false); err != nil {
		return err
	}
	if m.streams, err = m.opponent.newArm(sequences, contextLength+margin, false); err != nil {
		return err
	}
	if m.unified, err = m.opponent.newArm(sequences, contextLength+margin, true); err != nil {
		return err
	}
	m.unified.like = m.single
	m.r.Device = m.ours.engine.Device()
	m.f.Weights, m.f.WeightBytes = m.ours.engine.Storage(), m.ours.engine.WeightBytes()
	return nil
}

// close closes what open has opened.
func (m *measurement) close() {
	for _, o := range []*own{m.ours, m.same} {
		if o != nil {
			o.close()
		}
	}
	if m.opponent != nil {
		m.opponent.close()
	}
	m.ours, m.same, m.opponent, m.single, m.streams, m.unified = nil, nil, nil, nil, nil, nil
}

func (m *measurement) fill() error {
	for _, a := range []arm{m.single, m.streams, m.unified, m.ours, m.same} {
		if err := awake(a, a.fill); err != nil {
			return err
		}
	}
	return nil
}

// decodeOne compares decodes of one sequence.
func (m *measurement) decodeOne() error {
	n := m.effort.steps1
	took, err := m.decodes([]arm{m.single, m.ours, m.same}, 1, n)
	if err != nil {
		return err
	}
	m.record("decode_b1", float64(n), took, "libllama", "ours", "same_kernels")
	m.f.DecodeB1 = m.ratio("decode_b1", took[0], took[1])
	m.f.DecodeB1SameKernels = m.ratio("decode_b1_same_kernels", took[0], took[2])
	return nil
}

// decodeEight compares decodes of eight sequences at once.
func (m *measurement) decodeEight() error {
	n := m.effort.steps8
	took, err := m.decodes([]arm{m.streams, m.ours, m.same, m.unified}, sequences, n)
	if err != nil {
		return err
	}
	m.record("decode_b8", float64(sequences*n), took, "libllama", "ours", "same_kernels", "libllama_unified")
	m.f.DecodeB8 = m.ratio("decode_b8", took[0], took[1])
	m.f.DecodeB8SameKernels = m.ratio("decode_b8_same_kernels", took[0], took[2])
	m.f.DecodeB8Unified = m.ratio("decode_b8_unified", took[3], took[1])
	return nil
}

// decodes has all arms decode steps tokens for each of b sequences.
func (m *measurement) decodes(arms []arm, b, steps int) ([][]float64, error) {
	return m.alternate(arms, m.effort.repetitions, func(a arm, _ int) (time.Duration, error) { return decode(a, b, steps) })
}

// decode times steps decodes of b sequences of contextLength tokens. One more, which
// wakes the threads and builds the graph, comes before them.
func decode(a arm, b, steps int) (time.Duration, error) {
	if err := a.rewind(b, contextLength, steps+1); err != nil {
		return 0, err
	}
	if err := a.decode(b); err != nil {
		return 0, err
	}
	start := time.Now()
	for range steps {
		if err := a.decode(b); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// prefill compares chunks, each at a position that no chunk has begun at before:
// building a graph for it is part of what is measured, as in service. The contexts'
// own chunks have warmed up.
func (m *measurement) prefill() error {
	took, err := m.alternate([]arm{m.single, m.ours, m.same}, m.effort.prefills, func(a arm, repetition int) (time.Duration, error) {
		at := chunkStart(repetition)
		if err := a.rewind(1, at, chunkLength); err != nil {
			return 0, err
		}
		if err := a.decode(1); err != nil { // wakes the threads
			return 0, err
		}
		if err := a.rewind(1, at, chunkLength); err != nil {
			return 0, err
		}
		start := time.Now()
		err := a.chunk(at, chunkLength)
		return time.Since(start), err
	})
	if err != nil {
		return err
	}
	m.record("prefill", chunkLength, took, "libllama", "ours", "same_kernels")
	m.f.Prefill = m.ratio("prefill", took[0], took[1])
	m.f.PrefillSameKernels = m.ratio("prefill_same_kernels", took[0], took[2])
	return nil
}

// chunkStart is where the measured chunk of a repetition begins: a few cells before
// the end of the context, each at another.
func chunkStart(repetition int) int { return contextLength - 1 - repetition }

// contended compares decodes while another process wants a processor too, each arm
// with the priority that it gives itself: llama-server's threads have the normal one.
func (m *measurement) contended() error {
	if m.o.Busy == nil {
		return nil
	}
	stop, err := m.o.Busy(m.ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := m.opponent.setPriority(0); err != nil {
		return err
	}
	// Beside an equal competitor a step can take seconds, so that time and not a
	// number of repetitions ends this.
	const most = 6 * time.Second
	arms, steps := []arm{m.single, m.ours}, []int{1, 16}
	took := make([][]float64, 2)
	for rep, began := 0, time.Now(); rep < m.effort.repetitions && (rep < 2 || time.Since(began) < most); rep++ {
		for _, i := range turns(len(arms), rep) {
			d, err := m.once(arms[i], func(a arm) (time.Duration, error) { return decode(a, 1, steps[i]) })
			if err != nil {
				return err
			}
			took[i] = append(took[i], d.Seconds()/float64(steps[i]))
		}
	}
	m.record("contended", 1, took, "libllama", "ours")
	m.r.Contended = m.ratio("contended", took[0], took[1])
	return nil
}

// idleResidents compares the decode of one sequence with others resident with the
// same alone.
func (m *measurement) idleResidents() error {
	e := m.ours.engine
	for i := range residents {
		seq := engine.Seq(1000 + i)
		if err := e.New(seq); err != nil {
			return err
		}
		defer e.Release(seq)
	}
	beside := func() error {
		for i := range residents {
			seq := engine.Seq(1000 + i)
			if err := errors.Join(e.Reserve(seq, m.ours.saved256.Cells), e.Load(seq, m.ours.saved256)); err != nil {
				return err
			}
		}
		return nil
	}
	alone := func() error {
		for i := range residents {
			if err := e.Truncate(engine.Seq(1000+i), 0); err != nil {
				return err
			}
		}
		return nil
	}
	states, took := []func() error{beside, alone}, make([][]float64, 2)
	for rep := range m.effort.repetitions {
		for _, i := range turns(len(states), rep) {
			d, err := m.once(m.ours, func(a arm) (time.Duration, error) {
				if err := alone(); err != nil {
					return 0, err
				}
				if err := states[i](); err != nil {
					return 0, err
				}
				return decode(a, 1, 24)
			})
			if err != nil {
				return err
			}
			took[i] = append(took[i], d.Seconds())
		}
	}
	m.r.IdleResidents = m.ratio("idle_residents", took[1], took[0])
	return nil
}

// limits measures what the machine can do, on threads of the priority of ours, and
// what the quantisation wants of it: see the package's documentation. The best of all
// quantisations is what shares are taken of, at the end.
func (m *measurement) limits() error {
	file, err := gguf.Inspect(m.f.Path)
	if err != nil {
		return err
	}
	w, err := workOf(file)
	if err != nil {
		return err
	}
	const f16 = 2
	g, cells := m.ours.engine.Geometry(), contextLength+m.effort.steps1/2
	m.f.bytes = w.decodeBytes(cells, g.CellBytes)
	m.f.bytesLibllama = w.decodeBytes(cells, int64(g.Layers*g.KVHeads*g.HeadDim*2*f16))
	m.f.flops = w.prefillFLOPs(chunkStart(m.effort.prefills/2), chunkLength) / chunkLength

	setNice(m.ours.engine.Priority())
	can, err := openMachine(m.o)
	if err != nil {
		return err
	}
	defer can.close()
	read, err := can.readSpeed(int64(m.f.bytes))
	if err != nil {
		return err
	}
	m.f.ReadSpeed = read / 1e9
	if m.o.Quick && m.r.PeakSpeed > 0 {
		return nil // once is enough
	}
	memory, err := can.readSpeed(512 << 20)
	if err != nil {
		return err
	}
	peak, what, err := can.peakSpeed()
	if err != nil {
		return err
	}
	m.r.MemorySpeed = max(m.r.MemorySpeed, memory/1e9)
	if peak/1e9 > m.r.PeakSpeed {
		m.r.PeakSpeed, m.r.PeakKind = peak/1e9, what
	}
	return nil
}

// alternate has the arms take turns and returns the seconds that run says each took,
// by arm and repetition.
func (m *measurement) alternate(arms []arm, repetitions int, run func(a arm, repetition int) (time.Duration, error)) ([][]float64, error) {
	took := make([][]float64, len(arms))
	for rep := range repetitions {
		for _, i := range turns(len(arms), rep) {
			d, err := m.once(arms[i], func(a arm) (time.Duration, error) { return run(a, rep) })
			if err != nil {
				return nil, fmt.Errorf("repetition %d, arm %d: %w", rep+1, i+1, err)
			}
			took[i] = append(took[i], d.Seconds())
		}
	}
	return took, nil
}

// once has one arm measure, awake.
func (m *measurement) once(a arm, run func(arm) (time.Duration, error)) (d time.Duration, err error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	err = awake(a, func() error {
		d, err = run(a)
		return err
	})
	return d, err
}

// ratio is the median of the ratios of neighbours.
func (m *measurement) ratio(name string, base, ours []float64) float64 {
	s := SpreadOf(Ratios(base, ours))
	m.f.RatioSpread[name] = s
	return s.Median
}

// record keeps the speeds of arms, which did so many tokens in each repetition.
func (m *measurement) record(name string, tokens float64, took [][]float64, arms ...string) {
	for i, arm := range arms {
		rates := make([]float64, len(took[i]))
		for j, s := range took[i] {
			rates[j] = tokens / s
		}
		m.f.TokensPerSecond[name+"_"+arm] = SpreadOf(rates)
	}
}
