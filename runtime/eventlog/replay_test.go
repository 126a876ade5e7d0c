package eventlog_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/eventlog"
)

// TestReplayDecidesTheSame logs any order of events under any policy: the replay
// answers each as the machine did, word for word.
func TestReplayDecidesTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := eventlog.Header{Config: tight(), Policy: rapid.SampledFrom(sched.Names()).Draw(t, "policy")}
		h.Config.FixedSteps = rapid.Bool().Draw(t, "full steps")
		file := &memory{}
		w, err := eventlog.NewWriter(file, false, h, eventlog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		d := newDriver(t, h, w)
		for range 300 {
			d.random(t)
		}
		if err := w.Close(); err != nil || !file.closed {
			t.Fatalf("closed: %v, %v", file.closed, err)
		}
		said, end, err := replay(file.String())
		if err != nil || !end.Closed {
			t.Fatalf("the log ends: %+v; %v", end, err)
		}
		if !slices.Equal(said, d.said) {
			t.Fatalf("the machine said\n%q\nand in the replay\n%q", d.said, said)
		}
	})
}

// TestDifference changes what a log was made under, or what came of it: the replay
// says at which line it shows.
func TestDifference(t *testing.T) {
	lines := recorded(t)
	if _, _, err := replay(strings.Join(lines, "")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func([]string)
	}{
		{"another policy", func(l []string) { l[0] = strings.Replace(l[0], `"interlude"`, `"no-retention"`, 1) }},
		{"another pool", func(l []string) { l[0] = strings.Replace(l[0], `"PoolBytes":3072`, `"PoolBytes":2400`, 1) }},
		{"another digest", func(l []string) {
			at := strings.Index(l[5], `"digest":"`) + len(`"digest":"`)
			l[5] = l[5][:at] + strings.Repeat("0", 16) + l[5][at+16:]
		}},
		{"another event", func(l []string) { l[1] = strings.Replace(l[1], `"Context":300`, `"Context":290`, 1) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := slices.Clone(lines)
			c.change(changed)
			if slices.Equal(changed, lines) {
				t.Fatal("nothing was changed")
			}
			_, _, err := replay(strings.Join(changed, ""))
			d, ok := errors.AsType[*eventlog.Difference](err)
			if !ok || d.Step.Line < 2 || d.Step.Event == nil {
				t.Errorf("the replay says: %v", err)
			}
		})
	}
}

// TestImpossibleEvents are refused by line, not by a panic.
func TestImpossibleEvents(t *testing.T) {
	lines := recorded(t)
	for _, c := range []struct{ name, line string }{
		{"a step that nobody asked for", `{"at":0,"event":"StepDone","of":{"Status":0,"Results":[0]},"digest":"cbf29ce484222325"}`},
		{"a move that nobody asked for", `{"at":0,"event":"MoveDone","of":{"Move":7,"Failed":false},"digest":"cbf29ce484222325"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := replay(lines[0] + c.line + "\n")
			if err == nil || !strings.HasPrefix(err.Error(), "line 2: ") {
				t.Errorf("the replay says: %v", err)
			}
		})
	}
}
