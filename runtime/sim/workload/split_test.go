package workload

import (
	"maps"
	"slices"
	"testing"
)

// TestSplit has every program in one half, families whole, and halves of about the same
// size that do not depend on how large the set is.
func TestSplit(t *testing.T) {
	for _, name := range []string{"weka", "forks", "swebench"} {
		set, err := Generate(name, 1, 400)
		if err != nil {
			t.Fatal(err)
		}
		smaller, err := Generate(name, 1, 100)
		if err != nil {
			t.Fatal(err)
		}
		in := map[string]Split{}
		for _, by := range []Split{TunedOn, LeftOut} {
			part, err := set.Split(by)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(part.Programs); n < len(set.Programs)/3 {
				t.Errorf("%s: %d programs of %d are in the half %s", name, n, len(set.Programs), by)
			}
			if err := Check(part.Programs); err != nil {
				t.Errorf("%s, %s: %v", name, by, err)
			}
			for _, p := range part.Programs {
				if in[p.ID] != "" {
					t.Errorf("%s: %s is in both halves", name, p.ID)
				}
				in[p.ID] = by
			}
			few, err := smaller.Split(by)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range few.Programs {
				if in[p.ID] != by {
					t.Errorf("%s: %s is in the half %s of the smaller set, and not of the larger", name, p.ID, by)
				}
			}
		}
		if len(in) != len(set.Programs) {
			t.Errorf("%s: %d programs of %d are in a half: %v", name, len(in), len(set.Programs), slices.Sorted(maps.Keys(in))[:3])
		}
		if all, err := set.Split(Whole); err != nil || all != set {
			t.Errorf("all is %v, %v", all, err)
		}
		if _, err := set.Split("third"); err == nil {
			t.Error("a part that does not exist is given")
		}
	}
}
