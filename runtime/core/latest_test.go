package core

import (
	"slices"
	"testing"
)

// TestLatest: who was not asked for for longest goes, and with the name what was known.
func TestLatest(t *testing.T) {
	var l latest[string, int]
	ask := func(name string) *int { return l.get(name, 3, func() int { return 10 }) }
	for i, name := range []string{"a", "b", "c", "a", "d"} {
		*ask(name) += i
	}
	var names []string
	var values []int
	for name, v := range l.all() {
		names, values = append(names, name), append(values, *v)
	}
	if !slices.Equal(names, []string{"c", "a", "d"}) || !slices.Equal(values, []int{12, 13, 14}) || len(l.of) != 3 {
		t.Errorf("%q with %v are left, %d by their names", names, values, len(l.of))
	}
	if v := *ask("b"); v != 10 {
		t.Errorf("b is known as %d, and was dropped", v)
	}
}
