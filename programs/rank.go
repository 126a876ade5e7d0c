package programs

import "cmp"

// Rank is a program's place in an order: by class, then by time, then by name,
// so that no two programs share a place. Lower comes first. What the classes
// and the time stand for is the business of whoever makes the ranks.
type Rank struct {
	Class   int
	At      Time
	Program ProgramID
}

// Compare is negative when r comes before o, and 0 only when they are equal.
func (r Rank) Compare(o Rank) int {
	switch {
	case r.Class != o.Class:
		return cmp.Compare(r.Class, o.Class)
	case r.At != o.At:
		return cmp.Compare(r.At, o.At)
	}
	return cmp.Compare(r.Program, o.Program)
}
