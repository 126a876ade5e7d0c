package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/sim"
	"github.com/interlude-run/interlude/runtime/sim/cost"
	"github.com/interlude-run/interlude/runtime/sim/plot"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

type simCmd struct {
	Workload string        `help:"Agent programs: ${workloads}." default:"agentcgroup" placeholder:"NAME"`
	Traces   string        `help:"Folder with recorded runs, NAME.jsonl.gz each; those that are not there are generated with the recordings' statistics." placeholder:"DIR" type:"path" env:"INTERLUDE_TRACES"`
	Engine   string        `help:"Simulated engine: ${engines}." default:"a100-8b" placeholder:"NAME"`
	KVTokens int64         `help:"Cells of the device's pool; 0: what the engine has." name:"kv-tokens" placeholder:"N"`
	Host     int64         `help:"Cells of the host tier." name:"host-kv-tokens" placeholder:"N"`
	Disk     int64         `help:"Cells of the disk tier, which wants a host tier." name:"disk-kv-tokens" placeholder:"N"`
	Scale    float64       `help:"Factor for all token counts, above 0 and at most 1; 0: 1, or a sixteenth on cpu-135m." name:"scale-tokens" placeholder:"F"`
	Families bool          `help:"Subagents start and finish with their parents, which wait for them."`
	Loads    []string      `help:"Loads, in parts of what the engine can do at most; one that ends in b is bursty." default:"0.5,0.8,0.95,0.8b" placeholder:"LOAD"`
	Programs int           `help:"Programs of a simulation." default:"300" placeholder:"N"`
	Seeds    int           `help:"Simulations of each policy and load." default:"4" placeholder:"N"`
	Policies []string      `help:"Compare with these alone; default: all, see the table." placeholder:"NAME"`
	Sustain  bool          `help:"Find as well the load that each policy can sustain."`
	Plot     string        `help:"Draw mean times over the load into a file: .svg, .png or .pdf." type:"path" placeholder:"FILE"`
	Timeline string        `help:"Draw what programs do over time, at the last load." type:"path" placeholder:"FILE"`
	MaxWait  time.Duration `help:"The longest wait for a first token that ours promises where it can be kept; 0: ${maxwait}, negative: none." name:"max-wait" placeholder:"DURATION"`
	Quick    bool          `help:"Fewer programs and seeds: within 50 s on two cores."`
	Replay   string        `help:"Simulate nothing: make the decisions of an event log again, and fail where one is another than it was." placeholder:"LOG" type:"existingfile"`
	Effects  bool          `help:"With --replay: print every event and what came of it."`
	JSON     bool          `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (*simCmd) Help() string {
	return "Simulates agent programs on an engine's cost model, under the scheduler that serves and under those of other systems, with the same programs and arrivals for all. The same command prints the same bytes."
}

// Validate is called by kong.
func (c *simCmd) Validate() error {
	switch {
	case c.Effects && c.Replay == "":
		return errors.New("--effects is for --replay")
	case c.Effects && c.JSON:
		return errors.New("--effects is text, and --json one object: choose one")
	}
	return nil
}

// Run prints what a study finds, or a replay.
func (c *simCmd) Run(ctx context.Context) error {
	if c.Replay != "" {
		return c.replay(os.Stdout)
	}
	study, err := c.study()
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
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(report)
	}
	return printStudy(os.Stdout, report)
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
	t.Title = fmt.Sprintf("%s on %s at load %v", c.Workload, c.Engine, load)
	return t.Save(c.Timeline)
}

// study is what the flags ask for.
func (c *simCmd) study() (*sim.Study, error) {
	if c.Quick {
		c.Programs, c.Seeds = min(c.Programs, 100), min(c.Seeds, 2)
	}
	engine, err := cost.ByName(c.Engine)
	if err != nil {
		return nil, err
	}
	set, err := recordedOrDrawn(c.Traces, c.Workload)
	if err != nil {
		return nil, err
	}
	switch {
	case c.KVTokens < 0 || c.Host < 0 || c.Disk < 0:
		return nil, errors.New("--kv-tokens, --host-kv-tokens and --disk-kv-tokens are numbers of cells, none below 0")
	case c.Disk > 0 && c.Host == 0:
		return nil, errors.New("--disk-kv-tokens wants --host-kv-tokens: copies go to disk from the host")
	case c.Scale < 0 || c.Scale > 1:
		return nil, fmt.Errorf("--scale-tokens %v: it is above 0 and at most 1", c.Scale)
	case c.Programs > 10_000:
		return nil, fmt.Errorf("--programs %d: it is at most 10000", c.Programs)
	case c.Scale == 0 && c.Engine == "cpu-135m":
		c.Scale = 1.0 / 16
	}
	s := &sim.Study{
		Set: set, Engine: engine, Tokens: c.Scale,
		Pool: programs.Tokens(c.KVTokens), Host: programs.Tokens(c.Host), Disk: programs.Tokens(c.Disk),
		Programs: c.Programs, Seeds: c.Seeds, Families: c.Families, Sustain: c.Sustain, MaxWait: programs.Duration(c.MaxWait),
	}
	if s.Arms, err = sim.PickArms(c.Policies); err != nil {
		return nil, err
	}
	for _, path := range [...]string{c.Plot, c.Timeline} {
		if path != "" {
			if err := plot.CheckFormat(path); err != nil {
				return nil, err
			}
		}
	}
	for _, l := range c.Loads {
		load, err := parseLoad(l)
		if err != nil {
			return nil, err
		}
		s.Loads = append(s.Loads, load)
	}
	return s, nil
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
			return nil, fmt.Errorf("--traces: %w", err)
		}
	}
	return workload.Generate(name, 1, 400, opts...)
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

// printStudy prints a table for each load.
func printStudy(out io.Writer, r *sim.Report) error {
	fmt.Fprintf(out, "%s (%s) on %s, pool of %d tokens, host %d, disk %d; %d programs, %d seeds; load 1 is %.5f programs/s\n",
		r.Workload, r.Source, r.Engine, r.KVTokens, r.HostTokens, r.DiskTokens, r.Programs, r.Seeds, r.Reference)
	for i := range r.Loads {
		l := &r.Loads[i]
		fmt.Fprintf(out, "\nload %s\n", l.Load)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "policy\tkind\tJCT mean s\t±\tover ours\tp50\tp95\tp99\tTTFT mean\tp99\tmax\tprograms/s\thit\tpreempt\tGB moved\t")
		for _, a := range l.Ranked() {
			fmt.Fprintf(w, "%s\t%s\t%.1f\t%.1f\t%.3f\t%.1f\t%.1f\t%.1f\t%.3f\t%.2f\t%.1f\t%.5f\t%.3f\t%.1f\t%.1f\t\n",
				a.Name, a.Kind, a.MeanJCT, a.MeanJCTHalf, a.OverOurs, a.P50JCT, a.P95JCT, a.P99JCT,
				a.MeanTTFT, a.P99TTFT, a.MaxTTFT, a.Throughput, a.HitRate, a.Preemptions, (a.MovedHost+a.MovedDisk)/1e9)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if l.BoundMean > 0 {
			fmt.Fprintf(out, "no policy stays below a mean of %.1f s\n", l.BoundMean)
		}
	}
	fmt.Fprintln(out, "\nworst over the loads")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, figure := range []struct {
		says  string
		value float64
	}{
		{"best baseline over ours, mean JCT", r.BestMean},
		{"best baseline over ours, p95 JCT", r.BestP95},
		{"ours over clairvoyant, mean JCT", r.Clairvoyant},
		{"ours over the bound, mean JCT", r.Bound},
		{"program FCFS with LRU over ours, p99 TTFT", r.LRUTTFT},
	} {
		if figure.value > 0 { // what is compared with was simulated
			fmt.Fprintf(w, "%s\t%.3f\n", figure.says, figure.value)
		}
	}
	for _, a := range sim.Arms() {
		if load, ok := r.Sustainable[a.Name]; ok {
			fmt.Fprintf(w, "%s sustains a load of\t%.2f\n", a.Name, load)
		}
	}
	return w.Flush()
}
