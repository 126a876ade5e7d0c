package sched

// byTool is what a policy knows of tools, by their names. Clients invent names: when there are
// more than mostTools, all that is known of them is dropped, and begins anew.
type byTool[V any] map[string]*V

const mostTools = 1024

// of gives what is known of a tool, which is zero at first.
func (t byTool[V]) of(name string) *V {
	v := t[name]
	if v == nil {
		if len(t) >= mostTools {
			clear(t)
		}
		v = new(V)
		t[name] = v
	}
	return v
}
