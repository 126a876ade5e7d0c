package explain

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/interlude-run/interlude/programs"
)

// Report is what a log says of all programs.
type Report struct {
	Policy   string     `json:"policy"`
	Start    time.Time  `json:"start"` // of the log; all times are seconds from here
	Seconds  float64    `json:"seconds"`
	Events   int        `json:"events"`
	End      string     `json:"end"` // how the log ends
	Programs []*Program `json:"programs"`
	Story    *Story     `json:"story,omitempty"` // of the program that was asked for
}

// Program is a program in numbers.
type Program struct {
	ID      programs.ProgramID `json:"program"`
	Tenant  programs.TenantID  `json:"tenant"`
	Arrived float64            `json:"arrived"`
	State   string             `json:"state"` // at the log's end

	Turns     int `json:"turns"`     // taken in
	Rejected  int `json:"rejected"`  // turns that were not
	Preempted int `json:"preempted"` // times that a turn lost its place

	Waited    float64             `json:"waited"` // seconds of all turns
	Worst     float64             `json:"worst"`  // of one
	WorstTurn programs.TurnNumber `json:"worst_turn"`
	WaitedFor map[string]float64  `json:"waited_for"` // by reason: one of sched.Reasons, or "intake" before the scheduler knew of the turn

	// Sums of the turns' programs.Usage.
	Reused     programs.Tokens            `json:"reused"`
	Restored   programs.Tokens            `json:"restored"`
	Prefilled  programs.Tokens            `json:"prefilled"`
	Generated  programs.Tokens            `json:"generated"`
	Evicted    programs.Tokens            `json:"evicted"`    // cells taken for others
	Recomputed programs.Tokens            `json:"recomputed"` // of Prefilled, had before
	Missed     map[string]programs.Tokens `json:"missed"`     // tokens that were not found, by reason: one of programs.Misses
	Ahead      programs.Tokens            `json:"ahead"`      // cells that came back from lower tiers while no turn had its place
}

// mostly is the reason that it waited for longest.
func (p *Program) mostly() string {
	most, reason := 0.0, ""
	for _, r := range slices.Sorted(maps.Keys(p.WaitedFor)) {
		if s := p.WaitedFor[r]; s > most {
			most, reason = s, r
		}
	}
	if reason == "" {
		return "–"
	}
	return fmt.Sprintf("%s %.0f %%", reason, 100*most/p.Waited)
}

// Print writes the table, the programs that waited longest first.
func (r *Report) Print(out io.Writer) error {
	fmt.Fprintf(out, "%s\n\n", r.title())
	ranked := slices.Clone(r.Programs)
	slices.SortStableFunc(ranked, func(a, b *Program) int { return cmp.Compare(b.Waited, a.Waited) })
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "program\tturns\twaited s\tworst s\tmostly for\tpreempted\treused\trestored\tprefilled\tevicted\trecomputed\tahead\tstate at the end\t")
	for _, p := range ranked {
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.2f\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", p.ID, p.Turns, p.Waited, p.Worst, p.mostly(),
			p.Preempted, count(p.Reused), count(p.Restored), count(p.Prefilled), count(p.Evicted), count(p.Recomputed), count(p.Ahead), p.State)
	}
	return w.Flush()
}

func (r *Report) title() string {
	turns := 0
	for _, p := range r.Programs {
		turns += p.Turns
	}
	return fmt.Sprintf("%d programs, %d turns, %s from %s, policy %s; end of the log: %s",
		len(r.Programs), turns, span(programs.Seconds(r.Seconds)), r.Start.UTC().Format("2006-01-02 15:04:05 MST"), r.Policy, r.End)
}
