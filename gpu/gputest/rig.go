package gputest

import (
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
)

// rig drives an engine beside a ledger that knows what must have become of it.
// After every operation the two are compared, and the engine audits itself.
type rig struct {
	tb
	e      Engine
	g      engine.Geometry
	unit   int // cells, a multiple of the granule: a span, where spans are shared
	o      Options
	ledger *ledger
	named  engine.Seq // the last name given
	random *rand.Rand
}

// tb is what the suite needs of a testing.T or a rapid.T.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

func newRig(t tb, e Engine, o Options) *rig {
	g := e.Geometry()
	unit := g.Span
	if g.Span >= g.MaxContext { // nothing is ever shared
		unit = min(4*g.Granule, g.MaxContext/4/g.Granule*g.Granule)
	}
	if context, pool := max(4*unit, g.MaxStep+g.Granule), 32*unit+3*g.MaxStep; unit == 0 || g.MaxContext < context || g.PoolBytes < g.Bytes(pool) {
		t.Fatalf("the suite needs contexts of %d cells and a pool of %d (see Conform); this engine has %d and %d",
			context, pool, g.MaxContext, g.PoolBytes/g.CellBytes)
	}
	if o.Walk == 0 {
		o.Walk = 300
	}
	r := &rig{tb: t, e: e, g: g, unit: unit, o: o, ledger: newLedger(g), named: 1000, random: rand.New(rand.NewPCG(1, 2))}
	r.audit()
	t.Cleanup(r.releaseAll)
	return r
}

func (r *rig) releaseAll() {
	for _, seq := range r.ledger.names() {
		r.release(seq)
	}
}

// audit compares the engine with the ledger.
func (r *rig) audit() {
	r.Helper()
	if err := r.e.Check(); err != nil {
		r.Fatalf("%v", err)
	}
	for _, seq := range r.ledger.names() {
		b := r.ledger.books[seq]
		if n, c := r.e.Len(seq), r.e.Capacity(seq); n != len(b.tokens) || c != len(b.cells) {
			r.Fatalf("sequence %d has %d cells of %d, want %d of %d", seq, n, c, len(b.tokens), len(b.cells))
		}
	}
	m := r.e.Memory()
	if used := r.ledger.used(); m.Used != used || m.Sequences != len(r.ledger.books) {
		r.Fatalf("memory %+v, want %d bytes used by %d sequences", m, used, len(r.ledger.books))
	}
	// What is less than a granule may be kept out of the pool.
	granule := r.g.Bytes(1)
	if m.Pool > r.g.PoolBytes || m.Pool/granule != r.g.PoolBytes/granule || m.Free > m.Pool-m.Used || m.Free/granule != (m.Pool-m.Used)/granule || m.LargestHole > m.Free {
		r.Fatalf("memory %+v: used and free are not the pool of %d bytes", m, r.g.PoolBytes)
	}
}

// agree demands the outcome that the ledger foretells, nil for success.
func (r *rig) agree(err, want error) (ok bool) {
	r.Helper()
	if want == nil && err != nil {
		r.Fatalf("%v", err)
	}
	if want != nil && !errors.Is(err, want) {
		r.Fatalf("got error %v, want %v", err, want)
	}
	r.audit()
	return want == nil
}

// refused demands an error that has changed nothing.
func (r *rig) refused(want, err error) {
	r.Helper()
	r.agree(err, want)
}

// must demands success of a call that changes no length and no memory.
func (r *rig) must(err error) {
	r.Helper()
	r.agree(err, nil)
}

func (r *rig) new() engine.Seq {
	r.Helper()
	r.named++
	r.ledger.begin(r.named)
	r.agree(r.e.New(r.named), nil)
	return r.named
}

func (r *rig) reserve(seq engine.Seq, cells int) (ok bool) {
	r.Helper()
	want := r.ledger.reserve(seq, cells)
	return r.agree(r.e.Reserve(seq, cells), want)
}

// fork returns 0 where the ledger knows that there is no room.
func (r *rig) fork(src engine.Seq, n int) engine.Seq {
	r.Helper()
	r.named++
	want := r.ledger.fork(src, r.named, n)
	if !r.agree(r.e.Fork(src, r.named, n), want) {
		return 0
	}
	return r.named
}

func (r *rig) truncate(seq engine.Seq, n int) (ok bool) {
	r.Helper()
	want := r.ledger.truncate(seq, n)
	return r.agree(r.e.Truncate(seq, n), want)
}

func (r *rig) release(seq engine.Seq) {
	r.Helper()
	delete(r.ledger.books, seq)
	r.agree(r.e.Release(seq), nil)
}

func (r *rig) step(items ...engine.Item) []engine.Output {
	r.Helper()
	out := make([]engine.Output, len(items))
	err := r.e.Step(items, out)
	for _, item := range items {
		r.ledger.write(item)
	}
	r.agree(err, nil)
	for i, item := range items {
		if n := len(out[i].Logits); item.Logits && n != r.g.Vocab || !item.Logits && n != 0 {
			r.Fatalf("item %d of the step has %d logits; asked for: %v", i, n, item.Logits)
		}
	}
	return out
}

// stepErr is a step that is to be refused.
func (r *rig) stepErr(items ...engine.Item) error {
	return r.e.Step(items, make([]engine.Output, len(items)))
}

// feed appends the tokens in steps as large as may be, reserves what they need,
// and returns the logits after the last.
func (r *rig) feed(seq engine.Seq, tokens []engine.Token) []float32 {
	r.Helper()
	if !r.reserve(seq, len(r.context(seq))+len(tokens)) {
		r.Fatalf("the suite takes more of the pool than there is")
	}
	var logits []float32
	for chunk := range slices.Chunk(tokens, r.g.MaxStep) {
		logits = r.step(engine.Item{Seq: seq, Tokens: chunk, Logits: true})[0].Logits
	}
	return logits
}

// fed is a new sequence with that context.
func (r *rig) fed(ctx []engine.Token) engine.Seq {
	r.Helper()
	seq := r.new()
	r.feed(seq, ctx)
	return seq
}

// fill reserves all but so many cells of the pool.
func (r *rig) fill(leave int) {
	for {
		free := r.ledger.freeCells() - leave
		if free < r.g.Granule {
			return
		}
		r.reserve(r.new(), min(free/r.g.Granule*r.g.Granule, r.g.MaxContext/r.g.Granule*r.g.Granule))
	}
}

func (r *rig) load(seq engine.Seq, saved engine.Saved, tokens []engine.Token) {
	r.Helper()
	err := r.e.Load(seq, saved)
	r.ledger.append(seq, tokens)
	r.agree(err, nil)
}

func (r *rig) save(seq engine.Seq, from, n int) engine.Saved {
	r.Helper()
	saved, err := r.e.Save(seq, from, n)
	r.agree(err, nil)
	if int64(len(saved.Data)) != int64(n)*r.g.CellBytes || saved.From != 0 || saved.Cells != n {
		r.Fatalf("saved %d cells as [%d,%d) of %d bytes", n, saved.From, saved.From+saved.Cells, len(saved.Data))
	}
	return saved
}

// place makes room, and knows the tokens that came along.
func (r *rig) place(p engine.Placement) {
	r.Helper()
	r.placed(p, r.context(p.Src)[p.From:p.From+p.N])
}

// placed is place of cells with these tokens.
func (r *rig) placed(p engine.Placement, tokens []engine.Token) {
	r.Helper()
	holes := make([]engine.Token, p.At-len(r.context(p.Dst)))
	tokens = append(holes, tokens...)
	r.reserve(p.Dst, p.At+p.N)
	err := r.e.Place(p)
	r.ledger.append(p.Dst, tokens)
	r.agree(err, nil)
}

// patch runs tokens at positions, in steps as large as may be, and makes room for what is
// appended.
func (r *rig) patch(seq engine.Seq, at []int, tokens []engine.Token) {
	r.Helper()
	r.reserve(seq, at[len(at)-1]+1)
	for len(at) > 0 {
		n := min(len(at), r.g.MaxStep)
		r.step(engine.Item{Seq: seq, Tokens: tokens[:n], At: at[:n]})
		at, tokens = at[n:], tokens[n:]
	}
}

// read returns the K and V of the cells [from, to).
func (r *rig) read(seq engine.Seq, from, to int) engine.KV {
	r.Helper()
	kv, err := r.e.Read(seq, upTo(from, to))
	r.agree(err, nil)
	if want := r.values() * (to - from); len(kv.K) != want || len(kv.V) != want {
		r.Fatalf("read %d and %d values of %d cells, want %d each", len(kv.K), len(kv.V), to-from, want)
	}
	return kv
}

// readAll returns the K and V of the whole context.
func (r *rig) readAll(seq engine.Seq) engine.KV { return r.read(seq, 0, len(r.context(seq))) }

// values counts the values of K in one cell, and of V.
func (r *rig) values() int { return r.g.Layers * r.g.KVHeads * r.g.HeadDim }

func (r *rig) context(seq engine.Seq) []engine.Token { return r.ledger.books[seq].tokens }

// tokens draws n tokens that do not end a generation.
func (r *rig) tokens(n int) []engine.Token {
	tokens := make([]engine.Token, n)
	for i := range tokens {
		tokens[i] = engine.Token(r.random.IntN(r.g.Vocab))
		if tokens[i] == r.o.End {
			tokens[i] = (tokens[i] + 1) % engine.Token(r.g.Vocab)
		}
	}
	return tokens
}

// delta draws deltas of the shape of kv, whole numbers of up to a quarter of its
// magnitude, 4 at least.
func (r *rig) delta(kv engine.KV) engine.KV {
	draw := func(values []float32) []float32 {
		step := max(1, float32(int(magnitude(values)/16)))
		d := make([]float32, len(values))
		for i := range d {
			d[i] = step * float32(r.random.IntN(9)-4)
		}
		return d
	}
	return engine.KV{K: draw(kv.K), V: draw(kv.V)}
}

// upTo lists the integers [from, to).
func upTo(from, to int) []int {
	list := make([]int, to-from)
	for i := range list {
		list[i] = from + i
	}
	return list
}
