package workload

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"
)

// TestGeneratorsAgainstTraces compares generated programs with recorded ones,
// where there are traces, and logs the table. Means and medians are near; high
// quantiles of contexts need not be, where they grow by dozens of turns.
func TestGeneratorsAgainstTraces(t *testing.T) {
	dir := tracesDir(t)
	for _, name := range []string{"agentcgroup", "swebench-mini", "weka"} {
		t.Run(name, func(t *testing.T) {
			recorded, err := Load(dir, name)
			if errors.Is(err, fs.ErrNotExist) {
				t.Skipf("not compared: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			generated, err := Generate(name, 1, 4000)
			if err != nil {
				t.Fatal(err)
			}
			a, b := describe(recorded.Programs), describe(generated.Programs)
			var table strings.Builder
			for i := range a {
				near(t, a[i].name+": mean, over the recorded", b[i].mean/a[i].mean, 1, 0.15)
				near(t, a[i].name+": median, over the recorded", b[i].p50/a[i].p50, 1, 0.15)
				fmt.Fprintf(&table, "\n%-28s recorded %v\n%-28s generated %v", a[i].name, a[i], "", b[i])
			}
			t.Log(table.String())
		})
	}
}

// description is what a table says of a count.
type description struct {
	name                string
	mean, p50, p90, p99 float64
}

func (d description) String() string {
	return fmt.Sprintf("mean %10.1f  p50 %10.1f  p90 %10.1f  p99 %10.1f", d.mean, d.p50, d.p90, d.p99)
}

// describe gives the distributions of programs and their turns.
func describe(ps []Program) []description {
	var turns, first, final, context, input, output, gap, shared, total, gapsum []float64
	for i := range ps {
		p := &ps[i]
		turns = append(turns, float64(len(p.Turns)))
		first = append(first, float64(p.Turns[0].Input))
		final = append(final, float64(p.Final()))
		shared = append(shared, float64(p.SharedPrefix))
		w := p.Remaining(-1)
		total = append(total, float64(w.Prefill+w.Decode))
		gapsum = append(gapsum, w.Gaps.Seconds())
		for j := range p.Turns {
			context = append(context, float64(p.Turns[j].Context()))
			output = append(output, float64(p.Turns[j].Output))
			if j > 0 {
				input = append(input, float64(p.Turns[j].Input))
				gap = append(gap, p.Turns[j-1].Gap.Seconds())
			}
		}
	}
	var d []description
	for _, c := range []struct {
		name   string
		values []float64
	}{
		{"turns", turns}, {"first context", first}, {"final context", final}, {"context", context}, {"input", input}, {"output", output},
		{"gap, s", gap}, {"shared prefix", shared}, {"prefill+decode of a program", total}, {"gaps of a program, s", gapsum},
	} {
		d = append(d, describeValues(c.name, c.values))
	}
	return d
}

func describeValues(name string, values []float64) description {
	slices.Sort(values)
	var sum float64
	for _, v := range values {
		sum += v
	}
	at := func(p float64) float64 { return values[int(math.Round(p*float64(len(values)-1)))] }
	return description{name, sum / float64(len(values)), at(.5), at(.9), at(.99)}
}
