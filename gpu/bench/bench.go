package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/interlude-run/interlude/gpu"
	"github.com/interlude-run/interlude/gpu/engine"
)

// Options say what to measure with.
type Options struct {
	Libraries string
	Model     string
	Threads   int                                                // 0: all processors
	TuneFile  string                                             // see gpu.Options
	Quick     bool                                               // fewer repetitions
	Busy      func(ctx context.Context) (stop func(), err error) // starts a process that keeps one processor busy
	Progress  func(what string, done, of int)
}

// Result is one object of figures. A ratio above 1 means that ours is faster.
type Result struct {
	DecodeB1            float64 `json:"decode_b1_ratio"`
	DecodeB8            float64 `json:"decode_b8_ratio"`
	Prefill             float64 `json:"prefill_ratio"`
	DecodeB1SameKernels float64 `json:"decode_b1_ratio_same_kernels"`
	DecodeB8SameKernels float64 `json:"decode_b8_ratio_same_kernels"`
	PrefillSameKernels  float64 `json:"prefill_ratio_same_kernels"`
	Contended           float64 `json:"contended_decode_ratio"`
	IdleResidents       float64 `json:"idle_residents_decode_ratio"`

	KLWeights   float64 `json:"kl_auto_to_file"`
	KLNoise     float64 `json:"kl_libllama_noise"`
	Top1Weights float64 `json:"top1_auto_to_file"`
	Top1Noise   float64 `json:"top1_libllama_noise"`

	TokensPerSecond map[string]Spread `json:"tokens_per_second"`
	RatioSpread     map[string]Spread `json:"ratio_spread"`

	Device      string  `json:"device"`
	Weights     string  `json:"weights"`
	Model       string  `json:"model"`
	Threads     int     `json:"threads"`
	Repetitions int     `json:"repetitions"`
	Quick       bool    `json:"quick"`
	Seconds     float64 `json:"seconds"`
}

// Spread is the minimum, median and maximum of repetitions.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

func spread(xs []float64) Spread {
	xs = slices.Clone(xs)
	slices.Sort(xs)
	return Spread{xs[0], xs[len(xs)/2], xs[len(xs)-1]}
}

const (
	sequences     = 8
	contextLength = 1024 // tokens in each sequence before a measurement
	chunkLength   = 512  // tokens of a measured prefill
	margin        = 96   // cells that decodes may add
)

// Run measures. It takes under 50 seconds when quick, on two cores.
func Run(ctx context.Context, o Options) (*Result, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := time.Now()
	if o.Threads == 0 {
		o.Threads = runtime.NumCPU()
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	r := &Result{
		Model: o.Model, Threads: o.Threads, Quick: o.Quick, Repetitions: 15,
		TokensPerSecond: map[string]Spread{}, RatioSpread: map[string]Spread{},
	}
	if o.Quick {
		r.Repetitions = 3
	}
	m := &measurement{ctx: ctx, o: o, r: r}
	defer m.close()
	for i, step := range []struct {
		what string
		do   func() error
	}{
		{"opening three engines", m.open},
		{"filling contexts", m.fill},
		{"decode, one sequence", func() error { return m.decode(1, &r.DecodeB1, &r.DecodeB1SameKernels) }},
		{"decode, eight sequences", func() error { return m.decode(sequences, &r.DecodeB8, &r.DecodeB8SameKernels) }},
		{"prefill", m.prefill},
		{"decode beside a busy process", m.contended},
		{"decode beside idle residents", m.idleResidents},
		{"what the conversion of weights costs", m.quality},
	} {
		o.Progress(step.what, i, 8)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := step.do(); err != nil {
			return nil, fmt.Errorf("bench: %s: %w", step.what, err)
		}
	}
	o.Progress("done", 8, 8)
	r.Seconds = time.Since(began).Seconds()
	return r, nil
}

// measurement is a run under way.
type measurement struct {
	ctx        context.Context
	o          Options
	r          *Result
	llama      *libllama
	ours, same *own
}

func (m *measurement) open() (err error) {
	if m.ours, err = openOwn(m.o, gpu.Options{}); err != nil {
		return err
	}
	if m.same, err = openOwn(m.o, gpu.Options{Weights: "file", Layout: "rows"}); err != nil {
		return err
	}
	if m.llama, err = openLibllama(m.o, m.ours.engine); err != nil {
		return err
	}
	m.r.Device, m.r.Weights = m.ours.engine.Device(), m.ours.engine.Storage()
	return nil
}

func (m *measurement) close() {
	for _, a := range m.arms() {
		a.close()
	}
}

// arms are those that are open, libllama first.
func (m *measurement) arms() (as []arm) {
	if m.llama != nil {
		as = append(as, m.llama)
	}
	for _, o := range []*own{m.ours, m.same} {
		if o != nil {
			as = append(as, o)
		}
	}
	return as
}

func (m *measurement) fill() error {
	for _, a := range m.arms() {
		if err := awake(a, a.fill); err != nil {
			return err
		}
	}
	return nil
}

// decode compares decodes of b sequences at once.
func (m *measurement) decode(b int, ours, same *float64) error {
	steps := max(4, 24/b)
	took, err := m.alternate(m.arms(), func(a arm) error { return decodes(a, b, steps) })
	if err != nil {
		return err
	}
	name := fmt.Sprintf("decode_b%d", b)
	m.record(name, took, float64(b*steps))
	*ours, *same = m.ratio(name, took[0], took[1]), m.ratio(name+"_same_kernels", took[0], took[2])
	return nil
}

func (m *measurement) prefill() error {
	took, err := m.alternate(m.arms(), func(a arm) error { return a.chunk(chunkLength) })
	if err != nil {
		return err
	}
	m.record("prefill", took, chunkLength)
	m.r.Prefill, m.r.PrefillSameKernels = m.ratio("prefill", took[0], took[1]), m.ratio("prefill_same_kernels", took[0], took[2])
	return nil
}

// contended compares decodes while another process wants a processor too, each
// arm with the priority that it gives itself.
func (m *measurement) contended() error {
	if m.o.Busy == nil {
		return nil
	}
	stop, err := m.o.Busy(m.ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := m.llama.asShipped(); err != nil {
		return err
	}
	// Beside an equal competitor a step can take seconds, so that time and not a
	// number of repetitions ends this.
	const most = 6 * time.Second
	steps := map[arm]int{m.llama: 1, m.ours: 16}
	took := make([][]float64, 2)
	for rep, began := 0, time.Now(); rep < m.r.Repetitions && (rep < 2 || time.Since(began) < most); rep++ {
		for i, a := range []arm{m.llama, m.ours} {
			if err := m.ctx.Err(); err != nil {
				return err
			}
			err := awake(a, func() error {
				d, err := timed(a, func(a arm) error { return decodes(a, 1, steps[a]) })
				took[i] = append(took[i], d.Seconds()/float64(steps[a]))
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	m.record("contended", took, 1)
	m.r.Contended = m.ratio("contended", took[0], took[1])
	return nil
}

// idleResidents compares the decode of one sequence with 32 others resident with
// the same alone.
func (m *measurement) idleResidents() error {
	const steps, residents = 24, 32
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
			if err := e.Reserve(seq, m.ours.saved256.Cells); err != nil {
				return err
			}
			if err := e.Load(seq, m.ours.saved256); err != nil {
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
	var with, without []float64
	err := awake(m.ours, func() error {
		for range m.r.Repetitions {
			for _, state := range []struct {
				set func() error
				to  *[]float64
			}{{beside, &with}, {alone, &without}} {
				if err := state.set(); err != nil {
					return err
				}
				d, err := timed(m.ours, func(a arm) error { return decodes(a, 1, steps) })
				if err != nil {
					return err
				}
				*state.to = append(*state.to, d.Seconds())
			}
		}
		return nil
	})
	m.r.IdleResidents = m.ratio("idle_residents", without, with)
	return err
}

// alternate runs f on every arm in turn, as often as there are repetitions, and
// returns the seconds by arm. A first round warms up and does not count.
func (m *measurement) alternate(arms []arm, f func(arm) error) ([][]float64, error) {
	took := make([][]float64, len(arms))
	for rep := range m.r.Repetitions + 1 {
		for i, a := range arms {
			if err := m.ctx.Err(); err != nil {
				return nil, err
			}
			var d time.Duration
			err := awake(a, func() (err error) {
				d, err = timed(a, f)
				return err
			})
			if err != nil {
				return nil, err
			}
			if rep > 0 {
				took[i] = append(took[i], d.Seconds())
			}
		}
	}
	return took, nil
}

// timed runs f once from contexts of contextLength tokens.
func timed(a arm, f func(arm) error) (time.Duration, error) {
	if err := a.rewind(); err != nil {
		return 0, err
	}
	if err := a.decode(1); err != nil { // wakes the threads and builds the graph
		return 0, err
	}
	start := time.Now()
	err := f(a)
	return time.Since(start), err
}

func decodes(a arm, b, steps int) error {
	for range steps {
		if err := a.decode(b); err != nil {
			return err
		}
	}
	return nil
}

// awake runs f with the threads of a ready, and sends them to sleep after it.
func awake(a arm, f func() error) error {
	a.wake()
	defer a.sleep()
	return f()
}

// ratio is the median of the ratios of neighbours.
func (m *measurement) ratio(name string, base, ours []float64) float64 {
	var rs []float64
	for i := range base {
		rs = append(rs, base[i]/ours[i])
	}
	s := spread(rs)
	m.r.RatioSpread[name] = s
	return s.Median
}

func (m *measurement) record(name string, took [][]float64, tokens float64) {
	for i, arm := range []string{"libllama", "ours", "same_kernels"}[:len(took)] {
		var rates []float64
		for _, s := range took[i] {
			rates = append(rates, tokens/s)
		}
		m.r.TokensPerSecond[name+"_"+arm] = spread(rates)
	}
}
