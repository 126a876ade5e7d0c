package node

import "github.com/interlude-run/interlude/gpu/engine"

// Engine computes steps over sequences of cells; package gpu/engine says what
// its methods promise. One goroutine, locked to its thread, makes every call but
// Interrupt's and Geometry's while the node runs. Whoever opened the engine
// closes it.
type Engine interface {
	Geometry() engine.Geometry
	New(seq engine.Seq) error
	Reserve(seq engine.Seq, cells int) error
	Fork(src, dst engine.Seq, n int) error
	Truncate(seq engine.Seq, n int) error
	Release(seq engine.Seq) error
	SetSampling(seq engine.Seq, s engine.Sampling, history []engine.Token) error
	Place(p engine.Placement) error
	Read(seq engine.Seq, cells []int, layers ...int) (engine.KV, error)
	Step(items []engine.Item, out []engine.Output) error
	Interrupt()
	Save(seq engine.Seq, from, n int) (engine.Saved, error)
	Load(seq engine.Seq, saved engine.Saved) error
	Pack(saved engine.Saved) engine.Saved
}
