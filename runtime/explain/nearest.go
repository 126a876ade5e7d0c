package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// unknown says which names there are, those first that are nearest to the one wanted.
func (r *reader) unknown() error {
	type name struct {
		id  string
		far int
	}
	var names []name
	for _, p := range r.report.Programs {
		id := string(p.ID)
		names = append(names, name{id, min(distance(r.wanted, id), distance(r.wanted, id[strings.LastIndex(id, "/")+1:]))})
	}
	if len(names) == 0 {
		return fmt.Errorf("no program %q is in the log, and no other", r.wanted)
	}
	slices.SortStableFunc(names, func(a, b name) int { return cmp.Compare(a.far, b.far) })
	var near []string
	for _, n := range names[:min(3, len(names))] {
		near = append(near, n.id)
	}
	return fmt.Errorf("no program %q is in the log; near it are %s; without a name, explain lists all %d", r.wanted, strings.Join(near, ", "), len(names))
}

// distance is how many characters are to be changed, added or left out to make b of a
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			next := diagonal
			if a[i] != b[j] {
				next = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
