package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/sim"
	"github.com/interlude-run/interlude/runtime/sim/cost"
	"github.com/interlude-run/interlude/runtime/sim/plot"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

type simCmd struct {
	Workload  string        `help:"Agent programs: ${workloads}; several, with commas between them; all: those of the tables. Or a scenario, see below." default:"agentcgroup" placeholder:"NAME"`
	Traces    string        `help:"Folder with recorded runs, NAME.jsonl.gz each; those that are not there are generated with the recordings' statistics." placeholder:"DIR" type:"path" env:"INTERLUDE_TRACES"`
	Split     string        `help:"Which programs to draw from: all; dev or held-out, which are halves by a hash of their IDs. Constants are tuned on all so far." enum:"all,dev,held-out" default:"all"`
	Engine    string        `help:"Simulated engine: ${engines}. Of these only cpu-135m is fitted to measurements." default:"a100-8b" placeholder:"NAME"`
	Model     string        `help:"How a step's time follows from its work: ${costmodels}; default: the engine's, serial on GPUs." name:"cost-model" placeholder:"NAME"`
	Link      string        `help:"How cells move to the host and back: paged, as engines keep them, or whole, in one piece." enum:"paged,whole" default:"paged"`
	Duplex    bool          `help:"Cells move to a tier and back at once."`
	KVTokens  int64         `help:"Cells of the device's pool; 0: what the engine has." name:"kv-tokens" placeholder:"N"`
	Host      int64         `help:"Cells of the host tier." name:"host-kv-tokens" placeholder:"N"`
	Disk      int64         `help:"Cells of the disk tier, which wants a host tier." name:"disk-kv-tokens" placeholder:"N"`
	Scale     float64       `help:"Factor for all token counts, above 0 and at most 1; 0: 1, or a sixteenth on cpu-135m." name:"scale-tokens" placeholder:"F"`
	Families  bool          `help:"Subagents start and finish with their parents, which wait for them."`
	Running   int           `help:"Most turns that run at once; 0: 32, as in a node." placeholder:"N"`
	Seen      int           `help:"Most turns that the scheduler sees, others wait in line; 0: all." placeholder:"N"`
	NoEnds    bool          `help:"No client says that a program is over." name:"no-ends"`
	Forget    time.Duration `help:"How long a program may stay away before it is taken to have ended, as serve's. 0: for ever." name:"forget-after" default:"0" placeholder:"DURATION"`
	Hints     string        `help:"Who tells how many turns are left: none, half, all." enum:"none,half,all" default:"none"`
	MaxWait   time.Duration `help:"The longest wait for a first token that ours promises where it can be kept, as serve's. 0: no promise." default:"${maxwait}" placeholder:"DURATION"`
	Rule      []string      `help:"Set a rule of the scheduler, see below." placeholder:"NAME=VALUE"`
	Loads     []string      `help:"Loads, in parts of what the engine can do at most; one that ends in b is bursty. Default: 0.5,0.8,0.95,0.8b; of several workloads 0.8,0.95." placeholder:"LOAD"`
	Programs  int           `help:"Programs of a simulation; 0: 300, or ${tableprograms} of tables." placeholder:"N"`
	Seeds     int           `help:"Simulations of each policy and load; 0: 4, or 12 of tables." placeholder:"N"`
	Policies  []string      `help:"Compare with these alone, by name or kind (baseline, same-steps, same-all, chunk, ablation, told); all: every one. Default: all but chunks, ablations by rule, and rivals that with our steps have never been best." placeholder:"NAME"`
	Sustain   bool          `help:"Find as well the load that each policy can sustain."`
	Tables    string        `help:"Print tables instead, of ABCD those that are named: A same steps, B one thing out, C the world otherwise, D sustainable load and limits. All of them take ${tabletime} for all workloads on two cores." placeholder:"NAMES"`
	Sensitive bool          `help:"Print what half and double of each rule are worth." name:"sensitivity"`
	Plot      string        `help:"Draw mean times over the load into a file: .svg, .png or .pdf." type:"path" placeholder:"FILE"`
	Timeline  string        `help:"Draw what programs do over time, at the last load." type:"path" placeholder:"FILE"`
	Quick     bool          `help:"Fewer programs and seeds: within 50 s on two cores for one workload."`
	Replay    string        `help:"Simulate nothing: make the decisions of an event log again, and fail where one is another than it was." placeholder:"LOG" type:"existingfile"`
	Effects   bool          `help:"With --replay: print every event and what came of it."`
	JSON      bool          `help:"Print one JSON object." name:"json"`
}

// What --programs and --seeds are where they are 0.
const (
	studyPrograms, studySeeds = 300, 4
	tablePrograms, tableSeeds = 200, 12
	tableTime                 = "40 minutes"
)

// surveyed are the workloads that all stands for.
var surveyed = []string{"agentcgroup", "swebench-mini", "weka", "swebench", "bfcl"}

// Help implements kong.HelpProvider.
func (*simCmd) Help() string {
	var b strings.Builder
	b.WriteString(`Simulates agent programs on an engine's cost model, under the scheduler that serves and under those of other systems, with the same programs and arrivals for all. The same command prints the same bytes.

Rivals are simulated as published, and those that have ever been best also with our steps (NAME/our-steps) and with everything of ours but the set and the prediction (NAME/everything). As published in steps of another size (NAME/chunk-256) they are in --tables, and with --policies chunk.

Scenarios, to be given as a workload:`)
	for _, c := range sim.Scenarios {
		fmt.Fprintf(&b, "\n  %s: %s", c.Name, c.Says)
	}
	b.WriteString("\n\nRules, to be set by --rule, with their units, what serves, and where that comes from:")
	for i := range sim.KnownRules {
		r := &sim.KnownRules[i]
		fmt.Fprintf(&b, "\n  %s: %s, %s (%g; %s)", r.Name, r.Unit, r.Says, r.Default(), r.Origin)
	}
	return b.String()
}

// Validate is called by kong.
func (c *simCmd) Validate() error {
	switch {
	case c.Effects && c.Replay == "":
		return errors.New("--effects is for --replay")
	case c.Effects && c.JSON:
		return errors.New("--effects is text, and --json one object: choose one")
	case c.MaxWait < 0:
		return fmt.Errorf("--max-wait is %v; 0 promises nothing", c.MaxWait)
	case c.Forget < 0:
		return fmt.Errorf("--forget-after is %v; it is more than 0, or 0 to forget nobody", c.Forget)
	case (c.Tables != "" || c.Sensitive) && (len(c.Policies) > 0 || c.Sustain || c.Families || c.Plot != "" || c.Timeline != ""):
		return errors.New("--tables and --sensitivity have policies and figures of their own: leave out --policies, --sustain, --families, --plot and --timeline")
	case c.Tables != "" && c.Sensitive:
		return errors.New("--tables and --sensitivity: choose one")
	}
	return nil
}

// Run prints what a study finds, or a survey, or tables, or a replay.
func (c *simCmd) Run(ctx context.Context) error {
	if c.Replay != "" {
		return c.replay(os.Stdout)
	}
	names := strings.Split(c.Workload, ",")
	if c.Workload == "all" {
		names = surveyed
	}
	switch {
	case c.Tables != "" || c.Sensitive:
		return c.tables(ctx, names)
	case len(names) > 1:
		return c.survey(ctx, names)
	}
	study, err := c.study(names[0])
	if err != nil {
		return err
	}
	var end func()
	study.Progress, end = progress(c.Workload, "simulations")
	report, err := study.Run(ctx)
	end()
	if err != nil {
		return fmt.Errorf("simulate %s on %s: %w", c.Workload, c.Engine, err)
	}
	if err := c.draw(ctx, study, report); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(report)
	}
	return printStudy(os.Stdout, report)
}

// survey prints what several workloads say together.
func (c *simCmd) survey(ctx context.Context, names []string) error {
	if c.Plot != "" || c.Timeline != "" {
		return misused(errors.New("--plot and --timeline are of one workload"))
	}
	if len(c.Loads) == 0 {
		c.Loads = []string{"0.8", "0.95"}
	}
	var survey sim.Survey
	for _, name := range names {
		study, err := c.study(name)
		if err != nil {
			return err
		}
		study.Progress, _ = progress(name, "simulations")
		survey = append(survey, study)
	}
	report, err := survey.Run(ctx)
	if err != nil {
		return fmt.Errorf("simulate %s on %s: %w", c.Workload, c.Engine, err)
	}
	if c.JSON {
		return printJSON(report)
	}
	return printSurvey(os.Stdout, report)
}

// tables prints tables, or how sensitive ours is to its rules.
func (c *simCmd) tables(ctx context.Context, names []string) error {
	c.Programs, c.Seeds = orElse(c.Programs, tablePrograms), orElse(c.Seeds, tableSeeds)
	t := &sim.Tables{}
	for _, name := range names {
		if _, ok := sim.ScenarioByName(name); ok {
			return misused(fmt.Errorf("%s is a scenario, and tables are of workloads", name))
		}
		study, err := c.study(name)
		if err != nil {
			return err
		}
		t.Sets = append(t.Sets, study.Set)
		t.Engine, t.Rules, t.Programs, t.Seeds = study.Engine, *study.Rules, study.Programs, study.Seeds
		if study.Pool > 0 {
			t.Pools = []programs.Tokens{study.Pool}
		}
		if len(c.Loads) > 0 {
			t.Loads = study.Loads
		}
		if study.World != (sim.World{}) || study.Host > 0 || c.Scale > 0 {
			return misused(errors.New("tables have worlds of their own: leave out --running, --seen, --no-ends, --forget-after, --hints, --host-kv-tokens, --disk-kv-tokens and --scale-tokens"))
		}
	}
	var what string
	var report func(done, of int)
	t.Progress = func(of string, done, all int) {
		if of != what {
			what = of
			report, _ = progress(of, "simulations")
		}
		report(done, all)
	}
	var tables []sim.Table
	if c.Sensitive {
		s, err := t.Sensitivity(ctx)
		if err != nil {
			return fmt.Errorf("simulate %s on %s: %w", c.Workload, c.Engine, err)
		}
		tables = []sim.Table{*s}
	} else {
		var err error
		if tables, err = t.Run(ctx, c.Tables); err != nil {
			return fmt.Errorf("simulate %s on %s: %w", c.Workload, c.Engine, err)
		}
	}
	head := tablesHead{
		Workloads: names, Engine: t.Engine.Name, Calibrated: t.Engine.Fitted, CostModel: t.Engine.Model.String(),
		Split: c.Split, Programs: t.Programs, Seeds: t.Seeds, Tables: tables,
	}
	if c.JSON {
		return printJSON(head)
	}
	return printTables(os.Stdout, &head)
}

// draw makes the figures that are asked for.
func (c *simCmd) draw(ctx context.Context, s *sim.Study, r *sim.Report) error {
	if c.Plot != "" {
		if err := r.Figure().Save(c.Plot); err != nil {
			return err
		}
	}
	if c.Timeline == "" {
		return nil
	}
	load := s.Loads[len(s.Loads)-1]
	t, err := s.Timeline(ctx, load)
	if err != nil {
		return err
	}
	t.Title = fmt.Sprintf("%s on %s at load %v", c.Workload, r.EngineLabel(), load)
	return t.Save(c.Timeline)
}

// study is what the flags ask for, of a workload or a scenario.
func (c *simCmd) study(name string) (*sim.Study, error) {
	s := &sim.Study{
		Name: name, Tokens: c.Scale,
		Pool: programs.Tokens(c.KVTokens), Host: programs.Tokens(c.Host), Disk: programs.Tokens(c.Disk),
		Programs: orElse(c.Programs, studyPrograms), Seeds: orElse(c.Seeds, studySeeds), Families: c.Families, Sustain: c.Sustain,
		World: sim.World{
			Running: c.Running, Seen: c.Seen, NoEnds: c.NoEnds, ForgetAfter: programs.Duration(c.Forget),
			Hinting: map[string]sim.Hinting{"half": sim.HalfHonest, "all": sim.AllHonest}[c.Hints],
		},
	}
	if err := c.check(); err != nil {
		return nil, misused(err)
	}
	var err error
	if s.Engine, err = c.engine(); err != nil {
		return nil, misused(err)
	}
	if s.Rules, err = c.rules(); err != nil {
		return nil, misused(err)
	}
	if s.Arms, err = sim.PickArms(c.Policies); err != nil {
		return nil, misused(err)
	}
	loads := c.Loads
	if len(loads) == 0 {
		loads = []string{"0.5", "0.8", "0.95", "0.8b"}
	}
	for _, l := range loads {
		load, err := parseLoad(l)
		if err != nil {
			return nil, misused(err)
		}
		s.Loads = append(s.Loads, load)
	}
	set := name
	if scenario, ok := sim.ScenarioByName(name); ok {
		if scenario.Apply(s); scenario.Scene != nil {
			return s, nil
		}
		set = scenario.Workload
	}
	if c.Quick {
		s.Programs, s.Seeds = min(s.Programs, 100), min(s.Seeds, 2)
	}
	if s.Set, err = recordedOrDrawn(c.Traces, set); err != nil {
		return nil, err
	}
	if s.Set, err = s.Set.Split(workload.Split(orElse(c.Split, string(workload.Whole)))); err != nil {
		return nil, err
	}
	if s.Tokens == 0 && c.Engine == "cpu-135m" {
		s.Tokens = 1.0 / 16
	}
	return s, nil
}

// check says what is wrong with the numbers.
func (c *simCmd) check() error {
	switch {
	case c.KVTokens < 0 || c.Host < 0 || c.Disk < 0:
		return errors.New("--kv-tokens, --host-kv-tokens and --disk-kv-tokens are numbers of cells, none below 0")
	case c.Disk > 0 && c.Host == 0:
		return errors.New("--disk-kv-tokens wants --host-kv-tokens: copies go to disk from the host")
	case c.Scale < 0 || c.Scale > 1:
		return fmt.Errorf("--scale-tokens %v: it is above 0 and at most 1", c.Scale)
	case c.Programs < 0 || c.Programs > 10_000:
		return fmt.Errorf("--programs %d: it is at most 10000", c.Programs)
	case c.Seeds < 0 || c.Running < 0 || c.Seen < 0:
		return errors.New("--seeds, --running and --seen are not below 0")
	}
	for _, path := range [...]string{c.Plot, c.Timeline} {
		if path != "" {
			if err := plot.CheckFormat(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// engine is the simulated engine, as the flags change it.
func (c *simCmd) engine() (*cost.Engine, error) {
	e, err := cost.ByName(c.Engine)
	if err != nil {
		return nil, err
	}
	if c.Model != "" {
		if e.Model, err = cost.ModelByName(c.Model); err != nil {
			return nil, fmt.Errorf("--cost-model: %w", err)
		}
	}
	if c.Link == "whole" {
		e.Paging = cost.Paging{}
	}
	e.Duplex = c.Duplex
	return e, nil
}

// rules are those that serve, as the flags change them.
func (c *simCmd) rules() (*sim.Rules, error) {
	r := sim.DefaultRules()
	r.Guard.Bound[programs.Interactive] = programs.Duration(c.MaxWait)
	for _, assignment := range c.Rule {
		if err := r.Parse(assignment); err != nil {
			return nil, fmt.Errorf("--rule: %w", err)
		}
	}
	return &r, nil
}

// orElse is x, or something otherwise where x is nothing.
func orElse[T comparable](x, otherwise T) T {
	var nothing T
	if x == nothing {
		return otherwise
	}
	return x
}

// recordedOrDrawn takes recorded runs from the folder where there are some, and draws
// programs with their statistics where not. No folder is the one beside the source tree.
func recordedOrDrawn(dir, name string, opts ...workload.Option) (*workload.Set, error) {
	from := dir
	if from == "" {
		from = filepath.Join("..", "shared", "traces")
	}
	set, err := workload.Load(from, name, opts...)
	if err == nil || dir != "" && !errors.Is(err, os.ErrNotExist) {
		return set, err
	}
	if dir != "" {
		if _, err := os.Stat(dir); err != nil {
			return nil, misused(fmt.Errorf("--traces: %w", err))
		}
	}
	set, err = workload.Generate(name, 1, 400, opts...)
	return set, misused(err) // there is no such workload
}

func parseLoad(s string) (l sim.Load, err error) {
	number, bursty := strings.CutSuffix(s, "b")
	if l.Level, err = strconv.ParseFloat(number, 64); err != nil || !(l.Level > 0) {
		return l, fmt.Errorf("--loads %s: a load is a number above 0, such as 0.8, and bursty with a b behind it", s)
	}
	if bursty {
		l.CV = sim.Bursty
	}
	return l, nil
}
