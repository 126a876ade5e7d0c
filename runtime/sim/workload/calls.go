package workload

import (
	"cmp"
	"maps"
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// A call is kept apart if it was seen so often; what is rarer is put together
// with others of its tool, or of all tools.
const (
	oftenEnough = 20
	others      = "other"
)

// callKey tells calls apart.
type callKey struct {
	tool, class string
	human       bool
}

func (k callKey) compare(o callKey) int {
	byPerson := 0
	switch {
	case o.human && !k.human:
		byPerson = -1
	case k.human && !o.human:
		byPerson = 1
	}
	return cmp.Or(cmp.Compare(k.tool, o.tool), cmp.Compare(k.class, o.class), byPerson)
}

func keyOf(t *Turn) callKey { return callKey{t.Tool, t.Class, t.Human} }

// keysOf maps each call that occurs to the one that it is counted with.
func keysOf(ps []Program) map[callKey]callKey {
	keys := make(map[callKey]callKey)
	for before := range pairs(ps) {
		keys[keyOf(before)] = keyOf(before)
	}
	for _, pooled := range []func(callKey) callKey{
		func(k callKey) callKey { return callKey{k.tool, others, k.human} },
		func(k callKey) callKey { return callKey{others, "", k.human} },
	} {
		count := make(map[callKey]int)
		for before := range pairs(ps) {
			count[keys[keyOf(before)]]++
		}
		for from, to := range keys {
			if count[to] < oftenEnough {
				keys[from] = pooled(to)
			}
		}
	}
	return keys
}

// measureCalls measures the turns that end with each call, and what follows.
func (s *sourceProfile) measureCalls(ps []Program) {
	keys := keysOf(ps)
	order := slices.SortedFunc(maps.Keys(valueSet(keys)), callKey.compare)
	at := make(map[callKey]int)
	for i, k := range order {
		at[k] = i
		s.Calls = append(s.Calls, call{Tool: k.tool, Class: k.class, Human: k.human, Then: make([]int, len(order))})
	}
	s.Start = make([]int, len(order))
	seen := make([]struct{ output, gap, input []int64 }, len(order))
	for _, p := range ps {
		for i := range len(p.Turns) - 1 {
			t, next := &p.Turns[i], &p.Turns[i+1]
			c := at[keys[keyOf(t)]]
			s.Calls[c].Count++
			seen[c].output = append(seen[c].output, int64(t.Output))
			seen[c].gap = append(seen[c].gap, int64(t.Gap/programs.Millisecond))
			if !next.Reset {
				seen[c].input = append(seen[c].input, int64(next.Input))
			}
			if i == 0 {
				s.Start[c]++
			}
			if i < len(p.Turns)-2 {
				s.Calls[c].Then[at[keys[keyOf(next)]]]++
			}
		}
	}
	for c := range s.Calls {
		call := &s.Calls[c]
		call.Output, call.Gap, call.Input = quantilesOf(seen[c].output), quantilesOf(seen[c].gap), quantilesOf(seen[c].input)
	}
}

func valueSet(m map[callKey]callKey) map[callKey]bool {
	set := make(map[callKey]bool)
	for _, v := range m {
		set[v] = true
	}
	return set
}
