package programs

import "fmt"

// ProgramID names a program among those of all tenants. Whoever takes turns in
// makes it unique, for instance by putting the tenant in front.
type ProgramID string

// TenantID names the party that a program's work is done for.
type TenantID string

// TurnNumber tells the turns of one program apart. It is a name, not a count:
// a program may be first seen at any turn, and the same number comes again
// when a failed turn is sent once more.
type TurnNumber int64

// TurnID names a turn.
type TurnID struct {
	Program ProgramID
	Turn    TurnNumber
}

// String gives the program and the turn as "program/turn".
func (t TurnID) String() string { return fmt.Sprintf("%s/%d", t.Program, t.Turn) }
