package anchor_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/kvpin/anchor"
	"github.com/interlude-run/interlude/programs"
)

// model is the index as one would explain it: contexts in the order in which they were
// put, and runs found by comparing everything with everything.
type model struct {
	block, least programs.Tokens
	most         int
	contexts     []context
}

type context struct {
	tenant programs.TenantID
	owner  programs.ProgramID
	tokens []int32
}

func (m *model) drop(owner programs.ProgramID) {
	m.contexts = slices.DeleteFunc(m.contexts, func(c context) bool { return c.owner == owner })
}

func (m *model) put(tenant programs.TenantID, owner programs.ProgramID, tokens []int32) {
	m.drop(owner)
	tokens = tokens[:min(len(tokens), m.most)]
	if programs.Tokens(len(tokens)) >= m.least {
		m.contexts = append(m.contexts, context{tenant, owner, slices.Clone(tokens)})
	}
	for m.tokens() > m.most {
		m.contexts = m.contexts[1:]
	}
}

func (m *model) cut(owner programs.ProgramID, n programs.Tokens) {
	if n < m.least {
		m.drop(owner)
	}
	for i, c := range m.contexts {
		if c.owner == owner {
			m.contexts[i].tokens = c.tokens[:min(n, programs.Tokens(len(c.tokens)))]
		}
	}
}

func (m *model) context(owner programs.ProgramID) (context, bool) {
	for _, c := range m.contexts {
		if c.owner == owner {
			return c, true
		}
	}
	return context{}, false
}

func (m *model) tokens() (n int) {
	for _, c := range m.contexts {
		n += len(c.tokens)
	}
	return n
}

// find takes, again and again, the best of all runs that have a whole block within
// the length of a block of where the first has one.
func (m *model) find(tenant programs.TenantID, self programs.ProgramID, tokens []int32, from programs.Tokens) (given []anchor.Run) {
	for start := from; ; {
		all := m.all(tenant, tokens, start)
		if len(all) == 0 {
			return given
		}
		first := m.whole(slices.MinFunc(all, func(a, b anchor.Run) int { return int(m.whole(a) - m.whole(b)) }))
		all = slices.DeleteFunc(all, func(r anchor.Run) bool { return m.whole(r) >= first+m.block })
		best := slices.MinFunc(all, func(a, b anchor.Run) int { return m.compare(self, a, b) })
		given = append(given, best)
		start = best.At + best.Count
	}
}

// whole is where in the context the first whole block of the run's source is.
func (m *model) whole(r anchor.Run) programs.Tokens {
	return r.At + (m.block-r.From%m.block)%m.block
}

// all gives the runs of tokens[start:] that could go on in no direction, and are long enough.
func (m *model) all(tenant programs.TenantID, tokens []int32, start programs.Tokens) (runs []anchor.Run) {
	n := programs.Tokens(len(tokens))
	for _, c := range m.contexts {
		if c.tenant != tenant {
			continue
		}
		size := programs.Tokens(len(c.tokens))
		for shift := -size; shift < n; shift++ { // the position in the context less that in the source
			for at := max(start, shift); at < min(n, size+shift); {
				end := at
				for end < min(n, size+shift) && tokens[end] == c.tokens[end-shift] {
					end++
				}
				if end-at >= m.least {
					left := programs.Tokens(0)
					for left < min(at, at-shift, anchor.Near) && tokens[at-left-1] == c.tokens[at-shift-left-1] {
						left++
					}
					runs = append(runs, anchor.Run{At: at, Count: end - at, Source: c.owner, From: at - shift, Left: left})
				}
				at = end + 1
			}
		}
	}
	return runs
}

func (m *model) compare(self programs.ProgramID, a, b anchor.Run) int {
	newest := func(r anchor.Run) programs.Tokens {
		if r.Source == self {
			return programs.Tokens(len(m.contexts))
		}
		return programs.Tokens(slices.IndexFunc(m.contexts, func(c context) bool { return c.owner == r.Source }))
	}
	moves := func(r anchor.Run) programs.Tokens { return max(r.At-r.From, r.From-r.At) }
	for _, less := range []programs.Tokens{b.Count - a.Count, b.Left - a.Left, newest(b) - newest(a), moves(a) - moves(b), a.From - b.From} {
		if less != 0 {
			return int(less)
		}
	}
	return 0
}

// sound reports the first run that is not what it says, or not where it may be.
func (m *model) sound(tenant programs.TenantID, tokens []int32, from programs.Tokens, runs []anchor.Run) error {
	behind := from
	for _, r := range runs {
		k := slices.IndexFunc(m.contexts, func(c context) bool { return c.owner == r.Source })
		switch {
		case k < 0 || m.contexts[k].tenant != tenant:
			return fmt.Errorf("%+v is of a context that tenant %q has not", r, tenant)
		case r.At < behind || r.Count < m.least || r.Left < 0 || r.Left > min(r.At, r.From, anchor.Near):
			return fmt.Errorf("%+v is not a run from %d on", r, behind)
		case r.At > behind && r.Left > 0:
			return fmt.Errorf("%+v is not cut short, and has more to its left", r)
		}
		source := m.contexts[k].tokens
		if !slices.Equal(tokens[r.At-r.Left:r.At+r.Count], source[r.From-r.Left:r.From+r.Count]) {
			return fmt.Errorf("%+v is not the same text", r)
		}
		behind = r.At + r.Count
	}
	return nil
}

// covers reports the first run that is long enough and no part of which was given.
func (m *model) covers(tenant programs.TenantID, tokens []int32, from programs.Tokens, runs []anchor.Run) error {
	end := programs.Tokens(len(tokens))
	for _, r := range append(slices.Clone(runs), anchor.Run{At: end}) {
		if missed := m.all(tenant, tokens[:r.At], from); len(missed) > 0 {
			return fmt.Errorf("%+v was not found", missed[0])
		}
		from = r.At + r.Count
	}
	return nil
}

// TestIndexAgainstModel does the same to an index and its model. An index that
// looks at everything finds what the model finds, also where most hashes collide; one
// with the usual bounds finds nothing that is not so.
func TestIndexAgainstModel(t *testing.T) { rapid.Check(t, againstModel) }

func FuzzIndexAgainstModel(f *testing.F) { f.Fuzz(rapid.MakeFuzz(againstModel)) }

func againstModel(t *rapid.T) {
	block := rapid.IntRange(1, 5).Draw(t, "block")
	config := anchor.Config{
		Block:     programs.Tokens(block),
		Least:     programs.Tokens(rapid.IntRange(2*block-1, 3*block+2).Draw(t, "least")),
		MaxTokens: rapid.SampledFrom([]int{60, 150, 1000}).Draw(t, "most"),
		Seed:      rapid.Uint64().Draw(t, "seed"),
	}
	m := &model{block: config.Block, least: config.Least, most: config.MaxTokens}
	full, colliding, usual := anchor.New[int32](config), anchor.New[int32](config), anchor.New[int32](config)
	full.Unbounded()
	colliding.Unbounded()
	colliding.Collide()
	all := []*anchor.Index[int32]{full, colliding, usual}
	owners := []programs.ProgramID{"a", "b", "c", "d", "e"}
	held := map[programs.ProgramID][]int32{} // what each owner put last
	put := func(tenant programs.TenantID, owner programs.ProgramID, tokens []int32) {
		held[owner] = tokens
		m.put(tenant, owner, tokens)
		for _, x := range all {
			x.Put(tenant, owner, tokens)
		}
	}
	for range rapid.IntRange(10, 30).Draw(t, "calls") {
		tenant := rapid.SampledFrom([]programs.TenantID{"t", "t", "t", "u"}).Draw(t, "tenant")
		owner := rapid.SampledFrom(owners).Draw(t, "owner")
		n := programs.Tokens(rapid.SampledFrom([]int{-1, 0, 1, 5, 12, 20, 31, 45, 60, 90}).Draw(t, "n"))
		switch rapid.SampledFrom([]string{"put", "put", "put", "extend", "cut", "drop", "find", "find"}).Draw(t, "call") {
		case "put":
			put(tenant, owner, draw(t, held))
		case "extend": // in place, behind what is still there
			if c, ok := m.context(owner); ok {
				put(c.tenant, owner, append(held[owner][:len(c.tokens)], draw(t, held)...))
			}
		case "cut":
			m.cut(owner, n)
			for _, x := range all {
				x.Cut(owner, n)
			}
		case "drop":
			m.drop(owner)
			for _, x := range all {
				x.Drop(owner)
			}
		case "find":
			query, from := draw(t, held), max(0, n)
			want := m.find(tenant, owner, query, from)
			for _, x := range []*anchor.Index[int32]{full, colliding} {
				if got := x.Find(tenant, owner, query, from); !slices.Equal(got, want) {
					t.Fatalf("found\n%+v, want\n%+v\nin %v from %d", got, want, query, from)
				}
			}
			if err := m.covers(tenant, query, from, want); err != nil {
				t.Fatal(err)
			}
			if err := m.sound(tenant, query, from, usual.Find(tenant, owner, query, from)); err != nil {
				t.Fatal(err)
			}
		}
		for k, x := range all {
			if err := x.Check(); err != nil {
				t.Fatalf("index %d: %v", k, err)
			}
			if x.Tokens() != m.tokens() {
				t.Fatalf("index %d has %d tokens, its model %d", k, x.Tokens(), m.tokens())
			}
		}
	}
}

// draw makes a text of pieces: of what owners have, of few words again and again, of one
// token, and of new ones. It is drawn as one number, as texts of many draws are
// mostly too short to have anything in common.
func draw(t *rapid.T, held map[programs.ProgramID][]int32) (text []int32) {
	seed := rapid.Uint64().Draw(t, "text")
	r := rand.New(rand.NewPCG(seed, 1))
	words := [][]int32{{1, 2, 3, 4, 5, 6, 7}, {1, 2, 3, 8}, {9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, {-1, 1 << 30}, {1, 2, 1, 2, 1}}
	for range 2 + r.IntN(7) {
		switch r.IntN(7) {
		case 0, 1, 2:
			from := held[[]programs.ProgramID{"a", "b", "c", "d", "e"}[r.IntN(5)]]
			at := r.IntN(len(from) + 1)
			text = append(text, from[at:at+r.IntN(len(from)-at+1)]...)
		case 3:
			for range 1 + r.IntN(3) {
				text = append(text, words[r.IntN(len(words))]...)
			}
		case 4:
			text = append(text, make([]int32, r.IntN(40))...)
		default:
			for range r.IntN(20) {
				text = append(text, r.Int32N(50))
			}
		}
	}
	return text[:min(len(text), 150)]
}
