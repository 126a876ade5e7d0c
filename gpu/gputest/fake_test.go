package gputest

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Geometries in which sizes coincide, and in which none is a multiple of
// another that it need not be.
func geometries() map[string]engine.Geometry {
	one := Small()
	one.Granule, one.Span = 16, 16
	one.PoolBytes = one.Bytes(32*16 + 3*one.MaxStep) // as little as the suite can do with

	odd := Small()
	odd.Layers, odd.KVHeads, odd.HeadDim = 3, 2, 4
	odd.Granule, odd.Span, odd.MaxContext, odd.MaxStep = 5, 10, 83, 23
	odd.CellBytes = 4 + 4*2*3*2*4
	odd.PoolBytes = odd.Bytes(32*10+3*odd.MaxStep) + 17

	apart := Small() // nothing is shared
	apart.Span = apart.MaxContext

	return map[string]engine.Geometry{"small": Small(), "a span is a granule": one, "odd": odd, "apart": apart}
}

func stall(e Engine) <-chan struct{} { return e.(*Fake).Block(1) }

func TestFakeConforms(t *testing.T) {
	for name, g := range geometries() {
		t.Run(name, func(t *testing.T) {
			Conform(t, func(*testing.T) Engine { return NewFake(g) }, Options{End: NewFake(g).End(), Stall: stall})
		})
	}
}

// A state machine of all that can be done to sequences, against the naive
// ledger and a model that computes every context from its beginning.
func TestFakeModel(t *testing.T) {
	g := Small()
	g.Granule, g.Span, g.MaxContext, g.MaxStep = 2, 4, 40, 16
	g.PoolBytes = g.Bytes(32*g.Span + 3*g.MaxStep)
	m := model{g}
	rapid.Check(t, func(t *rapid.T) {
		f := NewFake(g)
		r := newRig(t, f, Options{End: f.End()})
		w := newWalk(r, func(n int, what string) int { return rapid.IntRange(0, n-1).Draw(t, what) })
		w.next = func(ctx []engine.Token) engine.Token {
			digest := m.emptyDigest()
			for i, token := range ctx {
				digest = m.fold(digest, m.write(token, i, digest).kv)
			}
			return m.next(digest)
		}
		for range rapid.IntRange(1, 60).Draw(t, "operations") {
			w.step()
			w.contents()
		}
	})
}

// fed is a fake with one sequence of that context, and room for more.
func fed(t *testing.T, ctx ...engine.Token) *Fake {
	t.Helper()
	f := NewFake(Small())
	if err := errors.Join(f.New(1), f.Reserve(1, 100), step(f, 1, ctx...)); err != nil {
		t.Fatal(err)
	}
	return f
}

func step(f *Fake, seq engine.Seq, tokens ...engine.Token) error {
	return f.Step([]engine.Item{{Seq: seq, Tokens: tokens}}, make([]engine.Output, 1))
}

func TestScript(t *testing.T) {
	f := fed(t, 10, 11)
	f.Script(func(ctx []engine.Token) engine.Token { return ctx[0] + engine.Token(len(ctx)) })
	out := make([]engine.Output, 1)
	next := engine.Token(12)
	for want := engine.Token(13); want < 18; want++ {
		if err := f.Step([]engine.Item{{Seq: 1, Tokens: []engine.Token{next}, Sample: true}}, out); err != nil {
			t.Fatal(err)
		}
		if out[0].Token != want || out[0].End {
			t.Fatalf("sampled %+v, want %d", out[0], want)
		}
		next = out[0].Token
	}
	f.Script(func([]engine.Token) engine.Token { return f.End() })
	if err := f.Step([]engine.Item{{Seq: 1, Tokens: []engine.Token{next}, Sample: true}}, out); err != nil || !out[0].End {
		t.Errorf("sampled %+v, error %v; want the end", out[0], err)
	}
	if got, want := f.Tokens(1), []engine.Token{10, 11, 12, 13, 14, 15, 16, 17}; !slices.Equal(got, want) {
		t.Errorf("context %v, want %v", got, want)
	}
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fed(t, 1, 2)
		f.Pace(func(items []engine.Item) time.Duration { return time.Duration(len(items[0].Tokens)) * time.Hour })
		begin := time.Now()
		if err := step(f, 1, 3, 4, 5); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 3*time.Hour {
			t.Errorf("the step took %v, want 3h", took)
		}

		time.AfterFunc(time.Minute, f.Interrupt)
		begin = time.Now()
		if err := step(f, 1, 6); !errors.Is(err, engine.ErrInterrupted) {
			t.Errorf("error %v, want %v", err, engine.ErrInterrupted)
		}
		if took := time.Since(begin); took != time.Minute || f.Len(1) != 5 {
			t.Errorf("interrupted after %v with %d cells, want 1m and 5", took, f.Len(1))
		}
	})
}

func TestFailTheNthStep(t *testing.T) {
	f := fed(t, 1)
	boom := errors.New("boom")
	f.Fail(2, boom)
	for i, want := range []error{nil, boom, nil} {
		if err := step(f, 1, 2); !errors.Is(err, want) {
			t.Errorf("step %d: error %v, want %v", i+1, err, want)
		}
	}
	if f.Len(1) != 3 {
		t.Errorf("%d cells, want 3", f.Len(1))
	}
}

func TestBrokenStaysBroken(t *testing.T) {
	f := fed(t, 1)
	f.Fail(1, engine.ErrBroken)
	for _, err := range []error{step(f, 1, 2), step(f, 1, 2), f.New(2), f.Reserve(1, 8), f.Step(nil, nil)} {
		if !errors.Is(err, engine.ErrBroken) {
			t.Errorf("error %v, want %v", err, engine.ErrBroken)
		}
	}
}

func TestClosedRefuses(t *testing.T) {
	f := fed(t, 1)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := step(f, 1, 2); err == nil {
		t.Error("a step after Close succeeded")
	}
}

func TestBlockedStepWaitsForInterrupt(t *testing.T) {
	f := fed(t, 1)
	blocked := f.Block(2)
	if err := step(f, 1, 2); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- step(f, 1, 3) }()
	<-blocked
	f.Interrupt()
	if err := <-done; !errors.Is(err, engine.ErrInterrupted) {
		t.Errorf("error %v, want %v", err, engine.ErrInterrupted)
	}
	if got := f.Counters(); got.Interrupted != 1 || got.Steps != 2 {
		t.Errorf("counters %+v, want 2 steps and 1 interrupted", got)
	}
}

func TestCounters(t *testing.T) {
	f := fed(t, 1, 2, 3)
	if err := errors.Join(f.Fork(1, 2, 3), f.Reserve(2, 50)); err != nil {
		t.Fatal(err)
	}
	items := []engine.Item{{Seq: 1, Tokens: []engine.Token{4}, Sample: true}, {Seq: 2, Tokens: []engine.Token{5, 6}}}
	data, err := f.Save(1, 0, 3)
	if err := errors.Join(err,
		f.Step(items, make([]engine.Output, 2)),
		f.Load(2, data.Part(0, 2)),
		f.Place(engine.Placement{Src: 1, N: 4, Dst: 2, At: 9}),
		f.Step([]engine.Item{{Seq: 2, Tokens: []engine.Token{1, 2, 3}, At: []int{0, 8, 13}}}, make([]engine.Output, 1))); err != nil {
		t.Fatal(err)
	}
	if err := step(f, 1, -1); err == nil {
		t.Fatal("an illegal step succeeded")
	}
	f.Fail(1, errors.New("boom"))
	if err := step(f, 1, 1); err == nil {
		t.Fatal("a step that was to fail succeeded")
	}
	want := Counters{Steps: 3, Failed: 1, Decoded: 1, Prefilled: 6, Patched: 2, Sampled: 1, Saved: 3, Loaded: 2, Placed: 4}
	if got := f.Counters(); got != want {
		t.Errorf("counters %+v, want %+v", got, want)
	}
}

// Capacity is rounded up, the model's context is not.
func TestNothingBeyondTheContext(t *testing.T) {
	g := Small()
	g.MaxContext = 12
	f := NewFake(g)
	if err := errors.Join(f.New(1), f.Reserve(1, 12), step(f, 1, make([]engine.Token, 12)...)); err != nil {
		t.Fatal(err)
	}
	if err := step(f, 1, 1); f.Capacity(1) != 16 || !errors.Is(err, engine.ErrTooLong) {
		t.Errorf("capacity %d, error %v; want 16, %v", f.Capacity(1), err, engine.ErrTooLong)
	}
}

func TestRotationIsAGroup(t *testing.T) {
	m := model{Small()}
	m.HeadDim = 4
	if half := unit.power((prime + 1) / 2); half != (turn{prime - 1, 0}) {
		t.Errorf("half the order turns by %v: the order is not 2^17", half)
	}
	rapid.Check(t, func(t *rapid.T) {
		position := rapid.IntRange(-100_000, 100_000)
		value := rapid.Map(rapid.IntRange(0, prime-1), func(n int) float32 { return float32(n) })
		kv := rapid.SliceOfN(value, m.values(), m.values()).Draw(t, "kv")
		a, b := position.Draw(t, "a"), position.Draw(t, "b")
		if got, want := m.rotate(m.rotate(kv, a), b), m.rotate(kv, a+b); !slices.Equal(got, want) {
			t.Errorf("turned by %d and %d: %v, want %v", a, b, got, want)
		}
		if turned := m.rotate(kv, a); !slices.Equal(turned[m.values()/2:], kv[m.values()/2:]) {
			t.Errorf("V turned to %v", turned)
		}
	})
}

func TestGeometryThatMakesNoEngine(t *testing.T) {
	for name, spoil := range map[string]func(g *engine.Geometry){
		"odd head":                func(g *engine.Geometry) { g.HeadDim = 3 },
		"cells too small":         func(g *engine.Geometry) { g.CellBytes = 35 },
		"no layers":               func(g *engine.Geometry) { g.Layers = 0 },
		"span of half a granule":  func(g *engine.Geometry) { g.Span = 4 },
		"a vocabulary of the end": func(g *engine.Geometry) { g.Vocab = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			g := Small()
			spoil(&g)
			NewFake(g)
		})
	}
}

func TestCheckFindsDamage(t *testing.T) {
	for name, damage := range map[string]func(f *Fake){
		"miscount":            func(f *Fake) { f.cells++ },
		"holders":             func(f *Fake) { f.seqs[1].spans[0].holders++ },
		"lost span":           func(f *Fake) { f.seqs[1].spans = nil },
		"span cut short":      func(f *Fake) { f.seqs[1].spans[0].cells = f.seqs[1].spans[0].cells[:8] },
		"length":              func(f *Fake) { f.seqs[1].len = 1000 },
		"cell never written":  func(f *Fake) { f.seqs[1].len++ },
		"less than a granule": func(f *Fake) { s := f.seqs[1].spans[1]; s.cells = s.cells[:5] },
		"more than the pool":  func(f *Fake) { f.geometry.PoolBytes = 64 },
	} {
		t.Run(name, func(t *testing.T) {
			f := fed(t, 1, 2, 3)
			if err := f.Check(); err != nil {
				t.Fatal(err)
			}
			damage(f)
			if f.Check() == nil {
				t.Error("not noticed")
			}
		})
	}
}

// Without a Stall, the suite interrupts for as long as the step runs.
func TestConformInterruptsALongStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFake(Small())
		f.Pace(func([]engine.Item) time.Duration { return time.Millisecond })
		interruptUndoes(newRig(t, f, Options{End: f.End()}))
		if n := f.Counters().Interrupted; n != 1 {
			t.Errorf("%d steps were interrupted, want 1", n)
		}
	})
}
