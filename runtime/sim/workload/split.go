package workload

import (
	"crypto/sha256"
	"fmt"
)

// Split is a part of a set.
type Split string

// The parts. Constants that are tuned on TunedOn alone, or not at all, are tried on
// LeftOut.
const (
	Whole   Split = "all"
	TunedOn Split = "dev"
	LeftOut Split = "held-out"
)

// Split gives the part of the set that it names: half of the programs each, by a hash of
// their IDs, subagents with those that started them. So a program stays in its half
// however many others there are. It is no substitute for recordings that nobody has
// looked at, since both halves come from the same agents.
func (s *Set) Split(by Split) (*Set, error) {
	switch by {
	case Whole:
		return s, nil
	case TunedOn, LeftOut:
	default:
		return nil, fmt.Errorf("workload %s: there is no part %q; there are %s, %s and %s", s.Name, by, TunedOn, LeftOut, Whole)
	}
	part := &Set{Name: s.Name, Source: fmt.Sprintf("%s, %s half", s.Source, by)}
	half := make([]Split, len(s.Programs)) // that the program is in
	place := make([]int, len(s.Programs))  // its index there
	for i := range s.Programs {
		p := s.Programs[i]
		if half[i] = halfOf(p.ID); p.Parent >= 0 {
			half[i] = half[p.Parent]
		}
		if half[i] != by {
			continue
		}
		if place[i] = len(part.Programs); p.Parent >= 0 {
			p.Parent = place[p.Parent]
		}
		part.Programs = append(part.Programs, p)
	}
	if len(part.Programs) == 0 {
		return nil, fmt.Errorf("workload %s: its %s half has no program", s.Name, by)
	}
	return part, nil
}

func halfOf(id string) Split {
	if sha256.Sum256([]byte(id))[0]&1 == 0 {
		return TunedOn
	}
	return LeftOut
}
