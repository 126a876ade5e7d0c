package sched_test

import (
	"slices"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

func TestFCFS(t *testing.T) {
	program := func(id programs.ProgramID, arrived programs.Time, turn programs.Time, phase programs.Phase) *sched.Program {
		return &sched.Program{ID: id, Arrived: arrived, Phase: phase, Turn: sched.Turn{Arrived: turn}}
	}
	ps := []*sched.Program{
		program("b", 1, 9, programs.Interlude),
		program("a", 2, 8, programs.Active),
		program("d", 2, 3, programs.Interlude),
		program("c", 7, 7, programs.Active),
	}
	for _, c := range []struct {
		name string
		rank func(*sched.Program) programs.Rank
		want string // first to last
	}{
		{"serve: by the program's arrival, not the turn's; ties by name", sched.FCFS{}.Serve, "badc"},
		{"keep: waiting turns before programs between turns", sched.FCFS{}.Keep, "acbd"},
	} {
		slices.SortFunc(ps, func(a, b *sched.Program) int { return c.rank(a).Compare(c.rank(b)) })
		var got string
		for _, p := range ps {
			got += string(p.ID)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
