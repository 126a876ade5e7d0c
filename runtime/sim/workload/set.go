package workload

import (
	"fmt"

	"github.com/interlude-run/interlude/programs"
)

// Set is a population of programs to draw from.
type Set struct {
	Name     string    // of the workload, such as "weka"
	Source   string    // "traces DIR" or "generated (…)", for reports
	Programs []Program // none has Children; gaps contain subagents' runs
}

// options are what Option sets.
type options struct{ maxGap programs.Duration }

// Option changes how a set is made.
type Option func(*options)

// MaxGap cuts longer gaps to d; 0 cuts none. Without the option gaps are cut to
// 10 minutes: people who went home would keep a simulation alive for days.
func MaxGap(d programs.Duration) Option { return func(o *options) { o.maxGap = d } }

func optionsOf(list []Option) options {
	o := options{maxGap: 10 * programs.Minute}
	for _, set := range list {
		set(&o)
	}
	return o
}

func (o options) cut(gap programs.Duration) programs.Duration {
	if o.maxGap > 0 {
		return min(gap, o.maxGap)
	}
	return gap
}

// Draw picks n programs with replacement among those whose Final is at most
// limit, subagents among them as programs on their own. It gives nil when none
// is small enough.
func (s *Set) Draw(seed uint64, n int, limit programs.Tokens) []Program {
	var fit []int
	for i := range s.Programs {
		if s.Programs[i].Final() <= limit {
			fit = append(fit, i)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	random := stream(seed, "draw", 0)
	drawn := make([]Program, n)
	for i := range drawn {
		p := s.Programs[fit[random.IntN(len(fit))]]
		drawn[i] = alone(p)
		drawn[i].ID = drawnID(p.ID, i)
	}
	return drawn
}

// alone is the program without its parent; what it inherits becomes input.
func alone(p Program) Program {
	p.Parent, p.ParentTurn, p.Async = -1, 0, false
	if first := p.Turns[0]; first.Prefix > 0 {
		p.Turns = append([]Turn(nil), p.Turns...)
		p.Turns[0].Prefix, p.Turns[0].Input = 0, first.Context()
	}
	return p
}

// drawnID tells the draws of one program apart.
func drawnID(id string, draw int) string { return fmt.Sprintf("%s#%d", id, draw) }
