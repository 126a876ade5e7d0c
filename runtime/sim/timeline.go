package sim

import (
	"context"
	"slices"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/sim/plot"
)

// Timeline simulates our own arm under a load, with seed 1, and gives what the first
// programs did: as many as there is room for.
func (s *Study) Timeline(ctx context.Context, l Load) (*plot.Timeline, error) {
	st := *s
	if err := st.complete(); err != nil {
		return nil, err
	}
	rate, err := st.reference(ctx)
	if err != nil {
		return nil, err
	}
	c := st.Arms[0].config(st.scenario(rate, l, 1), *st.Rules)
	rows := newRecorder(plot.MaxRows)
	c.Observe = rows.observe
	if _, err := Run(ctx, c); err != nil {
		return nil, err
	}
	return rows.timeline(), nil
}

// recorder draws spans from what the core is told and answers.
type recorder struct {
	most  int
	rows  []plot.Row
	of    map[programs.ProgramID]int // index of the row
	since []programs.Time            // the open span of each row, and
	state []plot.State
	open  []bool
}

func newRecorder(most int) *recorder {
	return &recorder{most: most, of: map[programs.ProgramID]int{}}
}

// observe is a Config.Observe.
func (r *recorder) observe(now programs.Time, ev core.Event, effects []core.Effect) {
	if a, ok := ev.(*core.TurnArrived); ok {
		r.arrive(now, a)
	}
	for i := range effects {
		e := &effects[i]
		row, known := r.of[e.Turn.Program]
		switch {
		case e.Kind == core.RunStep:
			r.step(now, e.Items)
		case !known:
		case e.Kind == core.MoveCells && e.Tier == 0:
			r.become(row, now, plot.Loading)
		case e.Kind == core.SuspendTurn:
			r.become(row, now, plot.Waiting)
		case e.Kind == core.FinishTurn:
			r.become(row, now, plot.Pinned)
		case e.Kind == core.ForgetProgram:
			r.close(row, now)
		case r.idle(row) && e.Kind == core.TruncateSeq && e.Cause == core.CauseEvict:
			r.become(row, now, plot.Partly)
		case r.idle(row) && e.Kind == core.ReleaseSeq && e.Cause == core.CauseEvict:
			r.become(row, now, plot.Dropped)
		}
	}
}

// arrive has the turn wait, in a new row if it is a program's first.
func (r *recorder) arrive(now programs.Time, a *core.TurnArrived) {
	row, known := r.of[a.Turn.Program]
	if !known {
		if len(r.rows) == r.most {
			return
		}
		row = len(r.rows)
		r.of[a.Turn.Program] = row
		r.rows = append(r.rows, plot.Row{Name: string(a.Turn.Program)})
		r.since, r.state, r.open = append(r.since, now), append(r.state, plot.Waiting), append(r.open, true)
		return
	}
	r.become(row, now, plot.Waiting)
}

// step has programs prefill or decode.
func (r *recorder) step(now programs.Time, items []core.Item) {
	for _, it := range items {
		if row, known := r.of[it.Turn.Program]; known {
			if state := r.state[row]; it.Count > 1 || state != plot.Decode && state != plot.Prefill {
				r.become(row, now, plot.Prefill)
			} else {
				r.become(row, now, plot.Decode)
			}
		}
	}
}

func (r *recorder) idle(row int) bool {
	return r.open[row] && (r.state[row] == plot.Pinned || r.state[row] == plot.Partly)
}

// become ends the row's open span where another state begins.
func (r *recorder) become(row int, now programs.Time, state plot.State) {
	if !r.open[row] || r.state[row] == state {
		return
	}
	r.cut(row, now)
	r.since[row], r.state[row] = now, state
}

func (r *recorder) close(row int, now programs.Time) {
	if r.open[row] {
		r.cut(row, now)
		r.open[row] = false
	}
}

func (r *recorder) cut(row int, now programs.Time) {
	if now > r.since[row] {
		r.rows[row].Spans = append(r.rows[row].Spans, plot.Span{From: r.since[row], To: now, State: r.state[row]})
	}
}

func (r *recorder) timeline() *plot.Timeline { return &plot.Timeline{Rows: r.rows} }

// Figure is the report's loads, but bursty ones, as curves of the arms that are named,
// or of ours and all baselines.
func (r *Report) Figure(names ...string) *plot.LoadFigure {
	f := &plot.LoadFigure{Title: r.Workload + " on " + r.EngineLabel()}
	curves := map[string]*plot.Curve{}
	var order []string
	for i := range r.Loads {
		l := &r.Loads[i]
		if l.CV > 1 {
			continue
		}
		f.Loads = append(f.Loads, l.Level)
		if l.BoundMean > 0 {
			f.Bound = append(f.Bound, l.BoundMean)
		}
		for _, a := range l.Arms {
			if len(names) > 0 && !slices.Contains(names, a.Name) || len(names) == 0 && a.Kind != Ours && a.Kind != Baseline {
				continue
			}
			if curves[a.Name] == nil {
				curves[a.Name] = &plot.Curve{Name: a.Name}
				order = append(order, a.Name)
			}
			c := curves[a.Name]
			c.Mean, c.Half = append(c.Mean, a.MeanJCT), append(c.Half, a.MeanJCTHalf)
		}
	}
	for _, name := range order {
		f.Curves = append(f.Curves, *curves[name])
	}
	return f
}
