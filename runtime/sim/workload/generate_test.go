package workload

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
)

// TestGenerated holds for each workload that its programs are sound, that a seed
// gives the same ones in a set of any size, and another seed others.
func TestGenerated(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			s := generated(t, name, 5, 1000)
			if err := Check(s.Programs); err != nil {
				t.Fatal(err)
			}
			for i := range s.Programs {
				for _, turn := range s.Programs[i].Turns {
					if turn.Gap > 10*programs.Minute || turn.Children != nil {
						t.Fatalf("program %s: a gap of %v, the children %v", s.Programs[i].ID, turn.Gap, turn.Children)
					}
				}
			}
			few := generated(t, name, 5, 10)
			if !reflect.DeepEqual(few.Programs, s.Programs[:len(few.Programs)]) {
				t.Error("the first programs of many are not those of few")
			}
			if other := generated(t, name, 6, 10); reflect.DeepEqual(few.Programs, other.Programs) {
				t.Error("another seed gives the same programs")
			}
		})
	}
}

func generated(t *testing.T, name string, seed uint64, n int, opts ...Option) *Set {
	t.Helper()
	s, err := Generate(name, seed, n, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGenerateRejects(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		want string
	}{
		{"chess", 1, "workload chess: there is no such workload to generate; there are agentcgroup, "},
		{"../profiles/weka", 1, "there is no such workload"},
		{"weka", 0, "workload weka: 0 programs"},
		{"swebench", -1, "workload swebench: -1 programs"},
	} {
		if _, err := Generate(c.name, 1, c.n); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Generate(%q, 1, %d): the error is %v, want %q", c.name, c.n, err, c.want)
		}
	}
	if _, err := Forks(1, 1, 0); err == nil {
		t.Error("Forks takes no children for a number")
	}
}

// TestPublishedMoments compares generated programs with what is published.
func TestPublishedMoments(t *testing.T) {
	for _, c := range []struct {
		name              string
		turns, gap, final moments
	}{
		{"swebench", moments{10.9, 2.1}, moments{0.925, 3.550}, moments{70_126, 19_732}},
		{"bfcl", moments{6.3, 2.3}, moments{1.923, 2.133}, moments{93_256, 68_687}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := generated(t, c.name, 3, 20_000, MaxGap(0))
			var turns, gaps, finals, outputs []float64
			for i := range s.Programs {
				p := &s.Programs[i]
				turns, finals = append(turns, float64(len(p.Turns))), append(finals, float64(p.Final()))
				for j := range p.Turns {
					outputs = append(outputs, float64(p.Turns[j].Output))
					if j > 0 {
						gaps = append(gaps, p.Turns[j-1].Gap.Seconds())
					}
				}
			}
			within(t, "turns", turns, c.turns, 0.01, 0.03)
			within(t, "final context", finals, c.final, 0.02, 0.05)
			within(t, "gap", gaps, c.gap, 0.03, 0.25) // so skewed that its deviation is known badly
			within(t, "output", outputs, output, 0.02, 0.05)
		})
	}
}

// within compares values with moments, up to relative errors.
func within(t *testing.T, name string, values []float64, want moments, meanError, deviationError float64) {
	t.Helper()
	var sum, squares float64
	for _, v := range values {
		sum += v
		squares += v * v
	}
	mean := sum / float64(len(values))
	deviation := math.Sqrt(squares/float64(len(values)) - mean*mean)
	if math.Abs(mean/want.mean-1) > meanError || math.Abs(deviation/want.deviation-1) > deviationError {
		t.Errorf("%s: mean %.4g, deviation %.4g; want %.4g, %.4g", name, mean, deviation, want.mean, want.deviation)
	}
}

// TestForks looks at what a parent and its children have in common.
func TestForks(t *testing.T) {
	s, err := Forks(4, 50, 3)
	if err != nil {
		t.Fatal(err)
	}
	drawn := s.DrawFamilies(1, 20, noLimit)
	if err := Check(drawn); err != nil {
		t.Fatal(err)
	}
	if len(drawn) != 80 {
		t.Errorf("20 families have %d members, want 80", len(drawn))
	}
	for _, p := range drawn {
		if p.Parent < 0 {
			continue
		}
		fork := &drawn[p.Parent].Turns[p.ParentTurn]
		if p.Turns[0].Prefix != fork.end() || len(fork.Children) != 3 || fork.Tool != "Task" {
			t.Errorf("%s inherits %d tokens of the %d at its parent's fork to %v", p.ID, p.Turns[0].Prefix, fork.end(), fork.Children)
		}
	}
	flat := s.Draw(1, 20, noLimit)
	if err := Check(flat); err != nil {
		t.Errorf("drawn one by one: %v", err)
	}
}

// TestStatistics compares the statistics of all generated workloads with
// testdata/statistics.txt, to three digits; go test -rewrite writes it anew.
func TestStatistics(t *testing.T) {
	var got bytes.Buffer
	for _, name := range Names() {
		s := generated(t, name, 1, 2000)
		fmt.Fprintf(&got, "%s, %s\n%-30s%10s%10s%10s%10s\n", s.Name, s.Source, "", "mean", "p50", "p90", "p99")
		for _, d := range describe(s.Programs) {
			fmt.Fprintf(&got, "  %-28s%10.3g%10.3g%10.3g%10.3g\n", d.name, d.mean, d.p50, d.p90, d.p99)
		}
		fmt.Fprintln(&got)
	}
	const golden = "testdata/statistics.txt"
	if *rewrite {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the statistics have changed (go test -rewrite accepts them):\n%s\nwant\n%s", got.Bytes(), want)
	}
}

// TestGeneratedFollowsProfile measures generated programs as the traces were
// measured, and compares the two profiles.
func TestGeneratedFollowsProfile(t *testing.T) {
	for _, name := range []string{"agentcgroup", "swebench-mini", "weka"} {
		t.Run(name, func(t *testing.T) {
			want, err := profileOf(name)
			if err != nil {
				t.Fatal(err)
			}
			got := measure(generated(t, name, 9, 4000, MaxGap(0)).Programs)
			if len(got.sources) != len(want.sources) {
				t.Fatalf("%d sources, want %d", len(got.sources), len(want.sources))
			}
			all := 0
			for _, s := range want.sources {
				all += s.Programs
			}
			for i, w := range want.sources {
				g := got.sources[i]
				if g.Source != w.Source {
					t.Fatalf("the source %s, want %s", g.Source, w.Source)
				}
				near(t, w.Source+": share", float64(g.Programs)/4000, float64(w.Programs)/float64(all), 0.02)
				near(t, w.Source+": kept", g.Kept, w.Kept, 0.01)
				sameQuantiles(t, w.Source+": first context", g.First, w.First)
				for f := range fifths {
					if w.Programs < 15*fifths {
						continue // quantiles of so few are steps
					}
					sameQuantiles(t, fmt.Sprintf("%s: turns, fifth %d", w.Source, f), g.Turns[f], w.Turns[f])
				}
				compareCalls(t, g, w)
			}
		})
	}
}

// compareCalls compares the calls that are frequent enough to be measured well.
func compareCalls(t *testing.T, got, want *sourceProfile) {
	turns := 0
	for _, c := range want.Calls {
		turns += c.Count
	}
	gotTurns := 0
	for _, c := range got.Calls {
		gotTurns += c.Count
	}
	for _, w := range want.Calls {
		name := fmt.Sprintf("%s: %s %s", want.Source, w.Tool, w.Class)
		i := slices.IndexFunc(got.Calls, func(c call) bool { return c.Tool == w.Tool && c.Class == w.Class })
		if i < 0 {
			t.Errorf("%s never occurs", name)
			continue
		}
		g := got.Calls[i]
		near(t, name+": share", float64(g.Count)/float64(gotTurns), float64(w.Count)/float64(turns), 0.03)
		if g.Human != w.Human {
			t.Errorf("%s: human is %v, want %v", name, g.Human, w.Human)
		}
		if g.Count < 1000 {
			continue
		}
		sameQuantiles(t, name+": gap", g.Gap, w.Gap)
		sameQuantiles(t, name+": output", g.Output, w.Output)
	}
}

func near(t *testing.T, name string, got, want, off float64) {
	t.Helper()
	if math.Abs(got-want) > off {
		t.Errorf("%s is %v, want %v within %v", name, got, want, off)
	}
}

// sameQuantiles compares places: the quantile that was generated lies where it
// should within five points of a hundred.
func sameQuantiles(t *testing.T, name string, got, want quantiles) {
	t.Helper()
	for i, p := range grid {
		if p < 0.05 || p > 0.95 {
			continue
		}
		low, high := want.at(p-0.05), want.at(p+0.05)
		if got[i] < low || got[i] > high {
			t.Errorf("%s: the quantile at %v is %d, want %d to %d", name, p, got[i], low, high)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Generate(name, 1, 10_000); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
