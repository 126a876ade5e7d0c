package programs

// Class is what a turn is for, by its client's word: who waits for it.
type Class uint8

// The classes, in the order in which they are served.
const (
	Interactive Class = iota // somebody waits, or an agent does
	Background               // nobody waits: it may take hours
)

// Classes is how many there are.
const Classes = 2

// String names the class in lower case, fit for a metric's label.
func (c Class) String() string { return name(c, []string{"interactive", "background"}) }
