package toolcall

import (
	"slices"
	"strings"
)

// Outstanding are the calls of an answer that have no result yet. The zero value has
// none. It has one owner.
type Outstanding struct{ calls []identified }

type identified struct {
	id   string
	call Call
}

// Add adds a call under the ID that the answer gives it.
func (o *Outstanding) Add(id string, c Call) { o.calls = append(o.calls, identified{id, c}) }

// Answer takes out the call that a result with the ID answers, the earliest if
// several have it. It is false when none has.
func (o *Outstanding) Answer(id string) (Call, bool) {
	i := slices.IndexFunc(o.calls, func(c identified) bool { return c.id == id })
	if i < 0 {
		return Call{}, false
	}
	c := o.calls[i].call
	o.calls = slices.Delete(o.calls, i, i+1)
	return c, true
}

// Len is how many calls are outstanding.
func (o *Outstanding) Len() int { return len(o.calls) }

// Call is what to count the wait for all outstanding calls as: their tools and
// classes, each named once and in order, with a + between them, or "many" for more
// than three. A person's answer is waited for when any of them asks for one.
func (o *Outstanding) Call() Call {
	var tools, classes []string
	var c Call
	for _, one := range o.calls {
		tools, classes = append(tools, one.call.Tool), append(classes, one.call.Class)
		c.Human = c.Human || one.call.Human
	}
	c.Tool, c.Class = joined(tools), joined(classes)
	return c
}

func joined(names []string) string {
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
	if len(names) > 3 {
		return "many"
	}
	return label(strings.Join(names, "+"))
}
