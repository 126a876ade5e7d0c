package workload

import (
	"testing"

	"github.com/interlude-run/interlude/programs"
)

// TestScenes are as they are described.
func TestScenes(t *testing.T) {
	for _, c := range []struct {
		scene  *Scene
		groups map[string]int
		most   programs.Tokens // of a context
	}{
		{Newcomers(1), map[string]int{"session": 30, "newcomer": 90}, 15_600},
		{Giant(1), map[string]int{"giant": 1, "small": 150}, 390_000},
	} {
		if err := Check(c.scene.Programs); err != nil {
			t.Fatal(err)
		}
		count, most := map[string]int{}, programs.Tokens(0)
		for i, p := range c.scene.Programs {
			count[c.scene.Groups[i]]++
			most = max(most, p.Final())
			if (c.scene.Groups[i] == "newcomer") != (c.scene.Arrivals[i] >= programs.Time(programs.Hour)) {
				t.Errorf("%s comes at %v", p.ID, c.scene.Arrivals[i])
			}
		}
		for group, n := range c.groups {
			if count[group] != n {
				t.Errorf("%d programs are in the group %s, want %d", count[group], group, n)
			}
		}
		if most < c.most*95/100 || most > c.most*105/100 || len(c.scene.Arrivals) != len(c.scene.Programs) {
			t.Errorf("contexts have up to %d tokens, want %d; %d arrivals of %d", most, c.most, len(c.scene.Arrivals), len(c.scene.Programs))
		}
	}
}
