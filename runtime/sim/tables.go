package sim

import (
	"context"
	"fmt"
	"slices"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/sim/cost"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// Tables are the comparisons that say what the scheduler is worth, and what of it: see
// TableA to TableD and Sensitivity. Every table compares on the same programs and
// arrivals.
type Tables struct {
	Sets     []*workload.Set
	Engine   *cost.Engine
	Pools    []programs.Tokens // of A and B, the first of C and D; nil is the engine's, and a quarter of it
	Loads    []Load            // of A; nil is 0.8 and 0.95. B, C and the sensitivity are at the last
	Programs int
	Seeds    int   // of A; the others have fewer, as they say
	Rules    Rules // of ours

	// Progress, where it is set, hears of every simulation of a table that has ended.
	Progress func(table string, done, of int)
}

// Table is rows of figures under names.
type Table struct {
	Name    string   `json:"table"`
	Says    string   `json:"says"`
	Columns []string `json:"columns"`
	Rows    []Row    `json:"rows"`
}

// Row has a cell for each column; 0 is none.
type Row struct {
	Name  string    `json:"name"`
	Cells []float64 `json:"cells"`
	Note  string    `json:"note,omitempty"`
}

// Seeds of what is compared within ours, or chosen among many.
const (
	chunkSeeds = 3
	outSeeds   = 4
	worldSeeds = 2
)

// tableRivals are the rivals of the tables: in studies of all rivals with our steps (2 seeds,
// both pools) one of these was best on every workload and load, or as good as the best. With
// a host tier, which the tables have not, mori is on some. C and D have the first two.
var tableRivals = []string{"thunder", "ttl-32s", "always-pin", "ttl-8s", "continuum-stuck", "thunder-released"}

func (t *Tables) complete() {
	if t.Pools == nil {
		t.Pools = []programs.Tokens{t.Engine.Pool, t.Engine.Pool / 4}
	}
	if t.Loads == nil {
		t.Loads = []Load{{Level: 0.8}, {Level: 0.95}}
	}
}

// Run makes the tables of these names, A to D, in order.
func (t *Tables) Run(ctx context.Context, names string) (tables []Table, _ error) {
	all := map[rune]func(context.Context) ([]Table, error){'A': t.TableA, 'B': t.TableB, 'C': t.TableC, 'D': t.TableD}
	for _, name := range names {
		table, known := all[name]
		if !known {
			return nil, fmt.Errorf("there is no table %q; there are A, B, C and D", name)
		}
		made, err := table(ctx)
		if err != nil {
			return nil, fmt.Errorf("table %c: %w", name, err)
		}
		tables = append(tables, made...)
	}
	return tables, nil
}

// survey is a survey of all sets with these arms.
func (t *Tables) survey(ctx context.Context, table string, pool programs.Tokens, loads []Load, seeds int, arms []Arm, change func(*Study)) (*SurveyReport, error) {
	var s Survey
	for _, set := range t.Sets {
		e, rules := *t.Engine, t.Rules
		study := &Study{
			Set: set, Engine: &e, Pool: pool, Programs: t.Programs, Seeds: min(seeds, t.Seeds), Loads: loads, Arms: arms, Rules: &rules,
		}
		if t.Progress != nil {
			study.Progress = func(done, of int) { t.Progress(table+" "+set.Name, done, of) }
		}
		if change != nil {
			change(study)
		}
		s = append(s, study)
	}
	return s.Run(ctx)
}

// pick is the arms that want holds for, ours in front.
func pick(want func(*Arm) bool) (picked []Arm) {
	all := Arms()
	for i := range all {
		if i == 0 || want(&all[i]) {
			picked = append(picked, all[i])
		}
	}
	return picked
}

// TableA compares with rivals that have our steps, everything of ours, their own, and
// their own of the best size; and with one rival for all workloads.
func (t *Tables) TableA(ctx context.Context) ([]Table, error) {
	t.complete()
	a := Table{
		Name: "A", Says: fmt.Sprintf("Same steps: mean JCT of the best rival, by hindsight, over ours. %d seeds; chunks of %v with %d seeds.", t.Seeds, Chunks, min(chunkSeeds, t.Seeds)),
		Columns: []string{"our steps", "everything but set and prediction", "as published", "as published, best chunk", "full steps on both sides", "ours in full steps over ours"},
	}
	one := Table{
		Name: "A, one rival", Says: "One rival for all workloads: geometric mean of its mean JCT over ours, and where it is worst.",
		Columns: []string{"our steps", "worst", "everything", "worst", "as published", "worst"},
	}
	arms := pick(func(a *Arm) bool {
		return a.Name == fullSteps || slices.Contains(tableRivals, a.Of) && (a.Kind == Baseline || a.Kind == SameSteps || a.Kind == SameAll)
	})
	chunks := pick(func(a *Arm) bool {
		return slices.Contains(tableRivals, a.Of) && (a.Kind == BestChunk || a.Kind == Baseline)
	})
	for _, pool := range t.Pools {
		r, err := t.survey(ctx, "A", pool, t.Loads, t.Seeds, arms, nil)
		if err != nil {
			return nil, err
		}
		c, err := t.survey(ctx, "A, chunks", pool, t.Loads, chunkSeeds, chunks, nil)
		if err != nil {
			return nil, err
		}
		for l := range t.Loads {
			for w, study := range append(slices.Clone(r.Studies), nil) {
				f, full, best, name := r.Loads[l].Figures, across(r.Loads[l].Arms, fullSteps).Mean, c.Loads[l].BestChunk, "geometric mean"
				note := fmt.Sprintf("one rival for all: %s, %.3f; ours at worst %.3f of the best rival's", r.Loads[l].OneRivalName, r.Loads[l].OneRival, r.Loads[l].Regret)
				if study != nil {
					at := &study.Loads[l]
					f, full, best, name = at.Figures, across(r.Loads[l].Arms, fullSteps).Ratios[w], c.Studies[w].Loads[l].BestChunk, study.Workload
					note = fmt.Sprintf("%s; %s; %s; %s", at.BestBySameSteps, at.BestBySameAll, at.BestByMean, c.Studies[w].Loads[l].BestByChunk)
				}
				a.Rows = append(a.Rows, Row{
					Name:  fmt.Sprintf("pool %d, load %v, %s", pool, t.Loads[l], name),
					Cells: []float64{f.SameSteps, f.SameAll, f.BestMean, best, f.BestMean / full, full}, Note: note,
				})
			}
			for _, rival := range tableRivals {
				row := Row{Name: fmt.Sprintf("pool %d, load %v, %s", pool, t.Loads[l], rival)}
				for _, arm := range []string{rival + "/our-steps", rival + "/everything", rival} {
					x := across(r.Loads[l].Arms, arm)
					row.Cells = append(row.Cells, x.Mean, x.Worst)
					row.Note += " " + x.WorstIn
				}
				one.Rows = append(one.Rows, row)
			}
		}
	}
	return []Table{a, one}, nil
}

const fullSteps = "interlude/full-steps"

func across(arms []Across, name string) Across {
	for _, a := range arms {
		if a.Name == name {
			return a
		}
	}
	return Across{}
}

// TableB leaves one thing of ours out.
func (t *Tables) TableB(ctx context.Context) ([]Table, error) {
	t.complete()
	load := t.Loads[len(t.Loads)-1]
	b := Table{
		Name: "B", Says: fmt.Sprintf("One thing out: mean JCT of ours without it over ours, at load %v. %d seeds.", load, min(outSeeds, t.Seeds)),
		Columns: append([]string{"geometric mean"}, setNames(t.Sets)...),
	}
	arms := pick(func(a *Arm) bool {
		return a.Kind == Ablation && a.Of == Arms()[0].Of && a.Name != "interlude/no-prefetch"
	})
	for _, pool := range t.Pools {
		r, err := t.survey(ctx, "B", pool, []Load{load}, outSeeds, arms, nil)
		if err != nil {
			return nil, err
		}
		for _, x := range r.Loads[0].Arms[1:] {
			b.Rows = append(b.Rows, Row{Name: fmt.Sprintf("pool %d, %s", pool, x.Name), Cells: append([]float64{x.Mean}, x.Ratios...)})
		}
	}
	return []Table{b}, nil
}

func setNames(sets []*workload.Set) (names []string) {
	for _, s := range sets {
		names = append(names, s.Name)
	}
	return names
}

// TableC changes the world around the scheduler.
func (t *Tables) TableC(ctx context.Context) ([]Table, error) {
	t.complete()
	load := t.Loads[len(t.Loads)-1]
	c := Table{
		Name: "C", Says: fmt.Sprintf("The world otherwise: geometric means over the workloads of mean JCT over ours, in a pool of %d at load %v, which is measured anew in each. %d seeds.", t.Pools[0], load, min(worldSeeds, t.Seeds)),
		Columns: []string{"best rival with our steps", "best rival as published", "ours in full steps", "ours, s"},
	}
	arms := pick(func(a *Arm) bool {
		return a.Name == fullSteps || slices.Contains(tableRivals[:2], a.Of) && (a.Kind == Baseline || a.Kind == SameSteps)
	})
	for _, other := range otherworlds(t.Engine) {
		r, err := t.survey(ctx, "C, "+other.name, t.Pools[0], []Load{load}, worldSeeds, arms, other.change)
		if err != nil {
			return nil, err
		}
		var seconds []float64
		for _, study := range r.Studies {
			seconds = append(seconds, study.Loads[0].Arms[0].MeanJCT)
		}
		l := &r.Loads[0]
		c.Rows = append(c.Rows, Row{Name: other.name, Cells: []float64{l.SameSteps, l.BestMean, across(l.Arms, fullSteps).Mean, geometric(seconds)}})
	}
	return []Table{c}, nil
}

// otherworld is a change of what is around the scheduler.
type otherworld struct {
	name   string
	change func(*Study)
}

func otherworlds(e *cost.Engine) []otherworld {
	worlds := []otherworld{{"as it is", nil}}
	for _, name := range cost.ModelNames() {
		if m, err := cost.ModelByName(name); err == nil && m != e.Model {
			worlds = append(worlds, otherworld{"cost model " + name, func(s *Study) { s.Engine.Model = m }})
		}
	}
	for _, ms := range []float64{0.5, 8} {
		worlds = append(worlds, otherworld{fmt.Sprintf("%v ms of overhead a step", ms), func(s *Study) { s.Engine.Overhead = ms / 1e3 }})
	}
	for _, chunk := range Chunks {
		if chunk != e.StepTokens {
			worlds = append(worlds, otherworld{fmt.Sprintf("chunks of %d tokens", chunk), func(s *Study) { s.Engine.StepTokens = chunk }})
		}
	}
	return append(worlds,
		otherworld{"no end signals", func(s *Study) { s.World.NoEnds = true }},
		otherworld{"256 running", func(s *Study) { s.World.Running = 256 }},
		otherworld{"128 turns seen", func(s *Study) { s.World.Seen = 128 }},
		otherworld{"half of the clients hint", func(s *Study) { s.World.Hinting = HalfHonest }},
	)
}

// TableD is the load that arms sustain, and ours beside what nobody can have.
func (t *Tables) TableD(ctx context.Context) ([]Table, error) {
	t.complete()
	d := Table{
		Name: "D", Says: fmt.Sprintf("Sustainable load: the largest under which programs take no more than %d times as long, without tools, as alone. Seed 1, pool %d.", Sustainable, t.Pools[0]),
		Columns: setNames(t.Sets),
	}
	beside := Table{
		Name: "D, limits", Says: fmt.Sprintf("Ours over what nobody can have, mean JCT; told the future is ours with foresight, no bound. %d seeds.", min(outSeeds, t.Seeds)),
		Columns: []string{"the bound", "ours in an endless pool", "ours told the future"},
	}
	arms := pick(func(a *Arm) bool {
		return a.Name == fullSteps || slices.Contains(tableRivals[:2], a.Of) && (a.Kind == Baseline || a.Kind == SameSteps)
	})
	r, err := t.survey(ctx, "D", t.Pools[0], t.Loads[:1], 1, arms, func(s *Study) { s.Sustain = true })
	if err != nil {
		return nil, err
	}
	for _, arm := range arms {
		row := Row{Name: arm.Name}
		for _, study := range r.Studies {
			row.Cells = append(row.Cells, study.Sustainable[arm.Name])
		}
		d.Rows = append(d.Rows, row)
	}
	ideal := pick(func(a *Arm) bool { return a.Name == told || a.Name == endless })
	for _, pool := range t.Pools {
		r, err := t.survey(ctx, "D, limits", pool, t.Loads, outSeeds, ideal, nil)
		if err != nil {
			return nil, err
		}
		for l := range t.Loads {
			for _, study := range append(slices.Clone(r.Studies), nil) {
				f, name := r.Loads[l].Figures, "geometric mean"
				if study != nil {
					f, name = study.Loads[l].Figures, study.Workload
				}
				beside.Rows = append(beside.Rows, Row{Name: fmt.Sprintf("pool %d, load %v, %s", pool, t.Loads[l], name), Cells: []float64{f.Bound, f.Endless, f.Told}})
			}
		}
	}
	return []Table{d, beside}, nil
}

// Sensitivity halves and doubles each rule, and turns each switch.
func (t *Tables) Sensitivity(ctx context.Context) (*Table, error) {
	t.complete()
	load := t.Loads[len(t.Loads)-1]
	s := &Table{
		Name: "sensitivity", Says: fmt.Sprintf("Geometric means over the workloads of mean JCT with the rule changed over ours, at load %v; and where it is worst. %d seeds.", load, min(worldSeeds, t.Seeds)),
	}
	for _, pool := range t.Pools {
		s.Columns = append(s.Columns, fmt.Sprintf("pool %d", pool), "worst")
	}
	arms := pick(func(*Arm) bool { return false })
	for i := range KnownRules {
		k := &KnownRules[i]
		for _, value := range k.variants(&t.Rules, t.Engine) {
			a := arms[0]
			a.Name, a.Kind = fmt.Sprintf("%s=%g", k.Name, value), Ablation
			a.rules = func(r *Rules) { must(k.Set(r, value)) }
			arms = append(arms, a)
		}
	}
	rows := map[string]*Row{}
	for _, pool := range t.Pools {
		r, err := t.survey(ctx, "sensitivity", pool, []Load{load}, worldSeeds, arms, nil)
		if err != nil {
			return nil, err
		}
		for _, x := range r.Loads[0].Arms[1:] {
			if rows[x.Name] == nil {
				rows[x.Name] = &Row{Name: x.Name}
			}
			rows[x.Name].Cells = append(rows[x.Name].Cells, x.Mean, x.Worst)
			rows[x.Name].Note += " " + x.WorstIn
		}
	}
	for _, arm := range arms[1:] {
		s.Rows = append(s.Rows, *rows[arm.Name])
	}
	return s, nil
}

// variants are a rule's half and double, or what it is not where it is a switch.
func (k *Rule) variants(r *Rules, e *cost.Engine) []float64 {
	v := k.Get(r)
	if k.switched() {
		return []float64{1 - v}
	}
	if k.Name == "chunk" && v == 0 {
		v = float64(e.StepTokens)
	}
	if v == 0 {
		return nil
	}
	return []float64{v / 2, v * 2}
}
