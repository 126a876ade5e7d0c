package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/interlude-run/interlude/runtime/pull"
	"github.com/interlude-run/interlude/sdk/wire"
)

// psCmd shows the programs of running nodes.
type psCmd struct {
	askFlags `embed:""`
	jsonFlag `embed:""`
}

// Help implements kong.HelpProvider.
func (*psCmd) Help() string {
	return "Shows the programs of which a turn waits or runs, or of which memory is kept, as the nodes themselves see them: what each does or waits for, how large its context is, where its cache is, how long that stays, and why. Memory that is worth its place is pinned for a time; other memory stays until somebody needs it."
}

// psReport is what it prints.
type psReport struct {
	Nodes []wire.Programs `json:"nodes"`
}

// Run asks, and prints.
func (c *psCmd) Run(ctx context.Context) error {
	nodes, err := c.programs(ctx)
	if err != nil {
		return err
	}
	r := &psReport{Nodes: nodes}
	return c.print(r, r.print)
}

func (r *psReport) print(out io.Writer) error {
	t := rows{head: []string{"PROGRAM", "TENANT", "TURN", "STATE", "CONTEXT", "CACHE", "HOST", "DISK", "KEPT"}}
	if len(r.Nodes) > 1 {
		t.head = append(t.head, "NODE")
	}
	for i := range r.Nodes {
		n := &r.Nodes[i]
		for j := range n.Programs {
			p := &n.Programs[j]
			cells := []string{
				p.Program, p.Tenant, strconv.FormatInt(p.Turn, 10), doing(p), strconv.FormatInt(p.Context, 10),
				sizeOr(p.KV.Device), sizeOr(p.KV.Host), sizeOr(p.KV.Disk), stays(p.Keep),
			}
			if len(r.Nodes) > 1 {
				cells = append(cells, n.Node)
			}
			t.add(cells...)
		}
	}
	if err := t.print(out); err != nil {
		return err
	}
	for i := range r.Nodes {
		n := &r.Nodes[i]
		if more := n.Total - len(n.Programs); more > 0 {
			fmt.Fprintf(out, "and %d more on %s\n", more, n.Node)
		}
	}
	return nil
}

// doing says in a few words what a program does.
func doing(p *wire.ProgramState) string {
	text := string(p.State)
	switch {
	case p.Why != "":
		text += " for " + p.Why
	case p.Tool != "" && p.State == wire.StateTool:
		text += " " + p.Tool
	}
	if p.Gap != nil {
		text += " " + brief(p.Gap.SinceMS)
	}
	return text
}

// stays says how long memory stays, and why.
func stays(k *wire.Keep) string {
	if k == nil {
		return "-"
	}
	worth := fmt.Sprintf("worth %.2g of its place", k.Worth)
	if k.Worth >= 1 {
		worth = fmt.Sprintf("worth %s times its place", strconv.FormatFloat(min(k.Worth, 1e6), 'f', 0, 64))
	}
	switch k.Rule {
	case wire.KeepPinned:
		return "for " + brief(k.LeftMS) + ", " + worth
	case wire.KeepHeld:
		return "held by the policy"
	}
	return "until others need it, " + worth
}

func sizeOr(bytes int64) string {
	if bytes == 0 {
		return "-"
	}
	return pull.Size(bytes)
}

// brief is a time in the largest unit that fits.
func brief(ms int64) string {
	switch d := time.Duration(ms) * time.Millisecond; {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d d", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	default:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
}
